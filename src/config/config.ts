/** The one typed configuration: its shape, what a user may say of it, and its defaults as one literal. */
import type { Mask } from '../processing/masks.ts';
import type { PersonalKind } from '../processing/secret-values.ts';

/** How one OTLP signal is sent. Every value is final: nothing below reads the environment again. */
export interface OtlpTarget {
  /** Full URL for http (`http://localhost:4318/v1/traces`), `scheme://host:port` for grpc. */
  readonly endpoint: string;
  /** Whether somebody named the endpoint. An unnamed one that nobody answers stands by instead of failing. */
  readonly named: boolean;
  readonly protocol: OtlpProtocol;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds for one attempt. `0` means no limit. */
  readonly timeoutMillis: number;
  readonly compression: 'none' | 'gzip';
  /** Paths of PEM files. */
  readonly certificate?: string;
  readonly clientKey?: string;
  readonly clientCertificate?: string;
  /** grpc only: plain text for an endpoint without a scheme. */
  readonly insecure: boolean;
}

export type OtlpProtocol = 'http/protobuf' | 'http/json' | 'grpc';
export type Signal = 'traces' | 'metrics' | 'logs';
export type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio';
export type LogFormat = 'auto' | 'json' | 'pretty' | 'logfmt';
export type DiagnosticsLevel = 'debug' | 'info' | 'warn' | 'error' | 'none';
/** What is done with a record of another logging library: handed on as one of Sonde's, given ids where it is printed. */
export type BridgeWay = 'send' | 'inject';
export type BridgeName = 'pino' | 'winston' | 'bunyan' | 'log4js' | 'console' | 'debug' | 'debuglog';
export type AttributeValue = string | number | boolean | readonly (string | number | boolean)[];

/** Sizes and times of one batch queue (OTEL_BSP_*, OTEL_BLRP_*). Times in milliseconds. */
export interface BatchConfig {
  readonly scheduleDelayMillis: number;
  readonly exportTimeoutMillis: number;
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
}

/** Limits of the OpenTelemetry SDK specification. `Infinity` means no limit. */
export interface SpanLimits {
  readonly attributeValueLengthLimit: number;
  readonly attributeCountLimit: number;
  readonly eventCountLimit: number;
  readonly linkCountLimit: number;
  readonly attributePerEventCountLimit: number;
  readonly attributePerLinkCountLimit: number;
}

export interface Config {
  /** `OTEL_SDK_DISABLED`: a console logger is left, and nothing else. */
  readonly disabled: boolean;
  /** Told once at start which targets were armed, patched and missed (`SONDE_DEBUG`). */
  readonly debug: boolean;
  readonly diagnostics: {
    /** What of Sonde's own words is written (`OTEL_LOG_LEVEL`). */
    readonly level: DiagnosticsLevel;
  };
  /** Facts about the process, read once from its environment. Nobody sets them. */
  readonly surroundings: {
    /** mocha sets no variable and is not noticed. */
    readonly testRunner: boolean;
    readonly kubernetes: boolean;
  };
  readonly service: {
    /**
     * From options, `OTEL_SERVICE_NAME`, `service.name` in `OTEL_RESOURCE_ATTRIBUTES`, or the package.json nearest
     * the main script; never from cwd.
     */
    readonly name: string;
    readonly version?: string;
    /** A fresh UUID per process unless named. */
    readonly instanceId: string;
  };
  /** Every further resource attribute (`OTEL_RESOURCE_ATTRIBUTES`, options). */
  readonly resource: Readonly<Record<string, AttributeValue>>;
  /** `none` is the empty list, here and in every list of exporters. */
  readonly propagators: readonly string[];
  readonly correlation: {
    /** Header names in the order they are believed; empty trusts no caller (`SONDE_CORRELATION_HEADERS=none`). */
    readonly headers: readonly string[];
    readonly echo: boolean;
    /** What a fresh id is: the trace id, a UUID, or 32 hex digits. */
    readonly generator: 'trace' | 'uuid' | 'hex';
    /** Extra hosts that get the correlation id and baggage; `*` is every host, `none` is no host at all. */
    readonly propagateTo: readonly string[];
  };
  readonly logs: {
    /** Tree syntax: `info,shop.orders=debug`. */
    readonly level: string;
    readonly format: LogFormat;
    readonly console: 'auto' | 'off';
    /** A rotating file beside the console (A38); none where no path is given. JSON lines unless `format` says else. */
    readonly file: {
      readonly path?: string;
      /** Bytes that no file exceeds. */
      readonly maxBytes: number;
      /** Files kept beside the one that is written. */
      readonly backups: number;
    };
    /** Whether `request_id` is a field of every line. */
    readonly requestId: boolean;
    /** Whether resource names are fields of every line. `auto` (on in Kubernetes) is decided before anyone reads it. */
    readonly resource: 'auto' | 'on' | 'off';
    readonly exporters: readonly string[];
    readonly batch: BatchConfig;
    readonly attributeValueLengthLimit: number;
    readonly attributeCountLimit: number;
  };
  readonly bridges: {
    /** What is sent at all: `info`, or a level per library, `info,pino=debug`. Ids are given at every level. */
    readonly level: string;
  } & Readonly<Record<BridgeName, readonly BridgeWay[]>>;
  readonly traces: {
    readonly exporters: readonly string[];
    readonly sampler: SamplerName;
    /** Ratio for `traceidratio`, 0 to 1. */
    readonly samplerArg: number;
    readonly limits: SpanLimits;
    readonly batch: BatchConfig;
  };
  readonly metrics: {
    readonly exporters: readonly string[];
    readonly exportIntervalMillis: number;
    /** Never longer than the interval; `0` (no limit) becomes the interval. */
    readonly exportTimeoutMillis: number;
    readonly temporality: 'cumulative' | 'delta' | 'lowmemory';
    readonly histogramAggregation: 'explicit_bucket_histogram' | 'base2_exponential_bucket_histogram';
    readonly exemplarFilter: 'always_on' | 'always_off' | 'trace_based';
  };
  readonly http: {
    /** Paths without span, metric and access line. A trailing `*` is a prefix; query and trailing slash do not count. */
    readonly ignorePaths: readonly string[];
  };
  readonly privacy: {
    /** Whether secrets are taken out of everything that leaves the process. On by default. */
    readonly redact: boolean;
    /** Names or paths (`customer.email`), on top of the built-in ones, whose values never leave the process. */
    readonly redactKeys: readonly string[];
    /** Names or paths that are no secrets after all; they win. Their texts are still read for secrets. */
    readonly allowKeys: readonly string[];
    /** What is personal rather than secret and is looked for in every text: `email`, `phone`, `ip`. None by default. */
    readonly personal: readonly PersonalKind[];
    /** Replaced in every text. Their cost is their author's. */
    readonly patterns: readonly RegExp[];
    /** By name or path, what stands in a value's place; `[REDACTED]` where nothing is said. */
    readonly masks: Readonly<Record<string, Mask>>;
  };
  readonly instrumentations: {
    /** Only these, if any is named (`OTEL_NODE_ENABLED_INSTRUMENTATIONS`). */
    readonly enabled?: readonly string[];
    readonly disabled: readonly string[];
  };
  readonly otlp: { readonly off: boolean } & Readonly<Record<Signal, OtlpTarget>>;
}

type Plain = string | number | boolean | undefined | readonly unknown[];
/** A partial of any depth; lists are replaced whole. */
export type Partially<T> = { readonly [K in keyof T]?: T[K] extends Plain ? T[K] : Partially<T[K]> };

/** What can be said of a destination; said once for all signals or for one of them. */
export type OtlpOptions = Partially<Omit<OtlpTarget, 'named'>>;

/** What `init`, `defineConfig` and a configuration file take: any part of the configuration, to any depth. */
export type Options = Partially<Omit<Config, 'surroundings' | 'otlp'>> & {
  readonly otlp?: OtlpOptions & {
    /** Sends nothing by OTLP (`SONDE_OTLP=off`). */
    readonly off?: boolean;
    readonly traces?: OtlpOptions;
    readonly metrics?: OtlpOptions;
    readonly logs?: OtlpOptions;
  };
};

const batch: BatchConfig = {
  scheduleDelayMillis: 5_000,
  exportTimeoutMillis: 30_000,
  maxQueueSize: 2_048,
  maxExportBatchSize: 512,
};

const otlp: OtlpTarget = {
  endpoint: 'http://localhost:4318',
  named: false,
  protocol: 'http/protobuf',
  headers: {},
  timeoutMillis: 10_000,
  compression: 'none',
  insecure: false,
};

/** What holds where nobody says anything. Numbers of the OpenTelemetry SDK specification. */
export const defaults: Config = {
  disabled: false,
  debug: false,
  diagnostics: { level: 'info' },
  surroundings: { testRunner: false, kubernetes: false },
  service: { name: 'unknown_service:node', instanceId: 'a fresh UUID' },
  resource: {},
  propagators: ['tracecontext', 'baggage'],
  correlation: {
    headers: ['X-Correlation-ID', 'X-Request-ID'],
    echo: true,
    generator: 'trace',
    propagateTo: [],
  },
  logs: {
    level: 'info',
    format: 'auto',
    console: 'auto',
    file: { maxBytes: 10_485_760, backups: 5 },
    requestId: false,
    resource: 'auto',
    exporters: ['otlp'],
    batch: { ...batch, scheduleDelayMillis: 1_000 },
    attributeValueLengthLimit: Number.POSITIVE_INFINITY,
    attributeCountLimit: 128,
  },
  bridges: {
    level: 'info',
    pino: ['send', 'inject'],
    winston: ['send', 'inject'],
    bunyan: ['send', 'inject'],
    log4js: ['send', 'inject'],
    // People read these lines: they stay as they are, byte for byte.
    console: ['send'],
    debug: ['send'],
    debuglog: ['send'],
  },
  traces: {
    exporters: ['otlp'],
    sampler: 'parentbased_always_on',
    samplerArg: 1,
    limits: {
      attributeValueLengthLimit: Number.POSITIVE_INFINITY,
      attributeCountLimit: 128,
      eventCountLimit: 128,
      linkCountLimit: 128,
      attributePerEventCountLimit: 128,
      attributePerLinkCountLimit: 128,
    },
    batch,
  },
  metrics: {
    exporters: ['otlp'],
    exportIntervalMillis: 60_000,
    exportTimeoutMillis: 30_000,
    temporality: 'cumulative',
    histogramAggregation: 'explicit_bucket_histogram',
    exemplarFilter: 'trace_based',
  },
  http: { ignorePaths: ['/healthz', '/readyz', '/livez', '/health', '/metrics'] },
  privacy: { redact: true, redactKeys: [], allowKeys: [], personal: [], patterns: [], masks: {} },
  instrumentations: { disabled: [] },
  otlp: { off: false, traces: otlp, metrics: otlp, logs: otlp },
};
