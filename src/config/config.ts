/** The one typed configuration: its shape, what a user may say of it, and its defaults as one literal. */

import type { ErrorEvent } from '../logs/error-event.ts';
import type {
  FilterOptions,
  FormatterOptions,
  HandlerOptions,
  LoggerOptions,
  LogsModel,
} from '../logs/model.ts';
import type { EventProcessor } from '../logs/processors.ts';
import type { LogRecord } from '../logs/record.ts';
import type { Mask } from '../processing/masks.ts';
import type { PersonalKind } from '../processing/secret-values.ts';
import type { SamplingRule } from '../traces/sampling-rule.ts';
import type { SentryWords } from './sentry-words.ts';

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
  | 'parentbased_traceidratio'
  | 'sonde_rules'
  | 'sonde_tail';
/** How a record becomes a line. `auto` is `pretty` on a terminal and `json` otherwise; the last five are presets. */
export type LogFormat =
  | ('auto' | 'json' | 'pretty' | 'logfmt')
  | ('otlp-json' | 'pino' | 'ecs' | 'structlog' | 'django');
export const logFormats: readonly LogFormat[] = [
  ...(['auto', 'json', 'pretty', 'logfmt'] as const),
  ...(['otlp-json', 'pino', 'ecs', 'structlog', 'django'] as const),
];
export type ReloadSignal = 'SIGHUP' | 'SIGUSR2';
export type DiagnosticsLevel = 'debug' | 'info' | 'warn' | 'error' | 'none';
/** What is done with a record of another logging library: handed on as one of Sonde's, given ids where it is printed. */
export type BridgeWay = 'send' | 'inject';
export type BridgeName =
  | ('pino' | 'winston' | 'bunyan' | 'log4js' | 'logtape')
  | ('console' | 'debug' | 'debuglog');
/** Which requests get an access record. */
export type AccessLogMode = 'on' | 'off' | 'errors';
export type AccessLogFormat = 'semconv' | 'kv' | 'json' | 'combined' | 'django';
/** From what the framework calls its request (Koa and Hono: the context) to the id of its user. */
export type UserRule = ((request: any) => unknown) | false;
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

/** How `sonde_tail` decides, and what it may hold until then. What it picks beforehand is `samplerArg`. */
export interface TailConfig {
  /**
   * From when a trace is slow and kept: `1s`, by route or span name `1s,/reports/*=10s,process mail=off`
   * (`SONDE_TAIL_SLOW`). Units are `ms`, `s` and `m`.
   */
  readonly slow: string;
  /** The lowest level of records that are held below their loggers' levels (`SONDE_TAIL_DETAILS`). */
  readonly details: 'trace' | 'debug' | 'off';
  /**
   * What of log records shares the verdict of their trace: `details`, or `all` that goes by OTLP, whereas console,
   * files and handlers take at once what its level lets pass (`SONDE_TAIL_LOGS`).
   */
  readonly logs: 'details' | 'all';
  /** Undecided traces at once; one more decides the oldest early (`SONDE_TAIL_MAX_TRACES`). */
  readonly maxTraces: number;
  /** Estimated bytes of all that is held; a quarter of it for one trace (`SONDE_TAIL_MAX_BYTES`). */
  readonly maxBytes: number;
  /** Milliseconds after which a trace is decided though it has not ended (`SONDE_TAIL_MAX_AGE`). */
  readonly maxAgeMillis: number;
}

export interface Config {
  /** `OTEL_SDK_DISABLED`: a console logger is left, and nothing else. */
  readonly disabled: boolean;
  /** Told once at start which targets were armed, patched and missed (`SONDE_DEBUG`). */
  readonly debug: boolean;
  /**
   * Whether every handler (`wrapHandler`) delivers what is queued before it ends, within 2 s at most: for places that
   * freeze the process between two calls (`SONDE_FLUSH_EACH`). On in AWS Lambda, off elsewhere.
   */
  readonly flushEach: boolean;
  /** On which signal the configuration file is read again; it is also seen to change (`SONDE_RELOAD_SIGNAL`). */
  readonly reloadSignal?: ReloadSignal;
  readonly diagnostics: {
    /** What of Sonde's own words is written (`OTEL_LOG_LEVEL`). */
    readonly level: DiagnosticsLevel;
  };
  /** Facts about the process, read once from its environment. Nobody sets them. */
  readonly surroundings: {
    /** mocha sets no variable and is not noticed. */
    readonly testRunner: boolean;
    /** Named by `NODE_ENV` or `deployment.environment.name`; unset counts as production. */
    readonly development: boolean;
    readonly kubernetes: boolean;
  };
  readonly service: {
    /**
     * From options, `OTEL_SERVICE_NAME`, `service.name` in `OTEL_RESOURCE_ATTRIBUTES`, or the package.json nearest
     * the main script; never from cwd.
     */
    readonly name: string;
    /**
     * The release: from options, `service.version` in `OTEL_RESOURCE_ATTRIBUTES`, `SENTRY_RELEASE`, that package.json,
     * or the commit that it is checked out from.
     */
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
    /** Nothing is done with log records by `init`: neither console nor file nor OTLP. What `dictConfig` says holds. */
    readonly off: boolean;
    /** Tree syntax: `info,shop.orders=debug`. */
    readonly level: string;
    /** How much loggers may say: `shop.orders=100/s,shop.db=10/m`; what is beyond is left out and counted (A73). */
    readonly rate?: string;
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
    /**
     * The last 50 records of a trace, told with an error of it. `alerts` keeps them only where alerts are sent, and
     * tells them there; `on` puts them into JSON lines and OTLP as `error.breadcrumbs`, too, where they repeat what
     * was sent before.
     */
    readonly breadcrumbs: 'off' | 'alerts' | 'on';
    /** Whether `request_id` is a field of every line. */
    readonly requestId: boolean;
    /** Whether resource names are fields of every line. `auto` (on in Kubernetes) is decided before anyone reads it. */
    readonly resource: 'auto' | 'on' | 'off';
    readonly exporters: readonly string[];
    readonly batch: BatchConfig;
    readonly attributeValueLengthLimit: number;
    readonly attributeCountLimit: number;
    readonly formatters: Readonly<Record<string, FormatterOptions>>;
    readonly filters: Readonly<Record<string, FilterOptions>>;
    /** By name; laid over the console and the log file that are there by default. */
    readonly handlers: Readonly<Record<string, HandlerOptions>>;
    readonly loggers: Readonly<Record<string, LoggerOptions>>;
    readonly root: LoggerOptions;
    /** See every record as a plain object, in this order, before any handler does (A24). None by default. */
    readonly processors: readonly EventProcessor[];
  };
  readonly bridges: {
    /** What is sent at all: `info`, or a level per library, `info,pino=debug`. Ids are given at every level. */
    readonly level: string;
  } & Readonly<Record<BridgeName, readonly BridgeWay[]>>;
  readonly traces: {
    readonly exporters: readonly string[];
    readonly sampler: SamplerName;
    /** Ratio for `traceidratio`, 0 to 1; with `sonde_rules` for what no rule is about. */
    readonly samplerArg: number;
    /**
     * For the sampler `sonde_rules`, in their order: the first that is about a trace holds. They choose that sampler
     * where nobody names one (`SONDE_SAMPLING_RULES`).
     */
    readonly rules: readonly SamplingRule[];
    /**
     * At most so many of the traces that begin in this process are kept a second, whichever of Sonde's samplers would
     * keep them, and at once no more than one second's worth (`SONDE_TRACES_PER_SECOND`). What somebody else began is
     * not counted. No limit by default. With one, no threshold (`th`) goes out: what share is kept is not known.
     */
    readonly tracesPerSecond: number;
    readonly tail: TailConfig;
    readonly limits: SpanLimits;
    readonly batch: BatchConfig;
    /** Tells as a finding what still runs when the work that started it has ended. */
    readonly lateSpans: boolean;
    /** Tells as a finding what runs for nobody during requests although it is otherwise part of one. */
    readonly lostContext: boolean;
  };
  readonly metrics: {
    readonly exporters: readonly string[];
    readonly exportIntervalMillis: number;
    /** Never longer than the interval; `0` (no limit) becomes the interval. */
    readonly exportTimeoutMillis: number;
    readonly temporality: 'cumulative' | 'delta' | 'lowmemory';
    readonly histogramAggregation: 'explicit_bucket_histogram' | 'base2_exponential_bucket_histogram';
    readonly exemplarFilter: 'always_on' | 'always_off' | 'trace_based';
    /** Whether the machine is measured, too: `system.*`, and `process.*` of this process (`SONDE_HOST_METRICS`). Off. */
    readonly host: boolean;
    /** Where `/metrics` is served when `exporters` names `prometheus`. */
    readonly prometheus: {
      /** An address that others reach shows the metrics to whoever asks. */
      readonly host: string;
      readonly port: number;
    };
  };
  readonly http: {
    /** Paths without span, metric and access line. A trailing `*` is a prefix; query and trailing slash do not count. */
    readonly ignorePaths: readonly string[];
    /**
     * Headers that become attributes of spans; `*` stands for any part of a name. What carries a secret (Authorization,
     * Cookie, tokens, keys) never does. None by default.
     */
    readonly headers: {
      readonly serverRequest: readonly string[];
      readonly serverResponse: readonly string[];
      readonly clientRequest: readonly string[];
      readonly clientResponse: readonly string[];
    };
    /** Whether server spans have the sizes of bodies, in bytes, where `Content-Length` tells them. */
    readonly bodySizes: boolean;
    /** Whether each middleware and handler of Express, Koa and Hono has a span of its own. */
    readonly middlewareSpans: boolean;
    /** Whether answers tell their trace in `Server-Timing: traceparent`, for pages that measure themselves. */
    readonly serverTiming: boolean;
  };
  /** The port for operators: health, `/metrics`, `/log-levels`, `/status` (`SONDE_ADMIN_PORT`). */
  readonly admin: {
    /** None: there is no admin port. 0 takes any free one. */
    readonly port?: number;
    /** `127.0.0.1` where nothing is said. Beyond loopback all but health needs the token. */
    readonly host?: string;
    /** Wanted as `Authorization: Bearer` for `/log-levels` and `/status`, beyond loopback for `/metrics`, too. */
    readonly token?: string;
  };
  readonly health: {
    /**
     * Where probes are answered besides what code mounts: on the admin port, on every HTTP server of the app, or
     * nowhere at all, not even where code mounts them (`SONDE_HEALTH`).
     */
    readonly at: 'admin' | 'app' | 'off';
    /** `django` adds `/health` in the shape of Django's health views. */
    readonly shape: 'plain' | 'django';
  };
  readonly db: {
    /** Whether `sonde.db` logs each statement at DEBUG (A49): `auto` in development only. */
    readonly logQueries: 'auto' | 'on' | 'off';
    /** A statement that takes longer is told as a finding (`SONDE_SLOW_QUERY_MS`); 0 tells none. */
    readonly slowQueryMillis: number;
    /** How often one statement may run for one span until that is told as a finding; 0 never tells. */
    readonly nPlusOne: number;
    /**
     * Who waits longer for a connection of a pool that has none left is told as a finding (`SONDE_POOL_WAIT_MS`); 0 tells
     * none.
     */
    readonly poolWaitMillis: number;
    /** Whether statements of pg, mysql2, mysql and mariadb that are not prepared carry their trace as a comment (sqlcommenter). */
    readonly comment: 'off' | 'on';
  };
  readonly messaging: {
    /** How the processing of a message stands to its sending: in the same trace, or in one of its own, linked (A31). */
    readonly relation: 'parent' | 'link';
    /**
     * Whether BullMQ's and pg-boss's servers are asked, at each collection, how many jobs wait in the queues that this
     * process uses: `sonde.queue.depth` (`SONDE_QUEUE_DEPTH`, A58).
     */
    readonly depth: boolean;
  };
  readonly accessLog: {
    /** `errors`: only what ended with 4xx, 5xx or not at all (`SONDE_ACCESS_LOG`). */
    readonly mode: AccessLogMode;
    /** INFO for all, or ERROR for 5xx and WARN for 4xx (A70). */
    readonly level: 'info' | 'by-status';
    /** Names and message of the record: semantic conventions, Python's `method=GET path=/ ...`, Apache's, Django's. */
    readonly format: AccessLogFormat;
    /** Paths with span and metric but without access record; written as `http.ignorePaths`. */
    readonly ignore: readonly string[];
  };
  readonly security: {
    /** Names the app is served under, as Django writes them: `.shop.example` is every name below, too. None: no record. */
    readonly allowedHosts: readonly string[];
    /** Whether a request for another host is answered 400 before the app sees it. */
    readonly rejectHosts: boolean;
  };
  /**
   * The id of a request's user, on its records and its span (A30); `false` for none. By default `req.user.id`. What is
   * no number and no text of at most 64 characters without `@` is not taken.
   */
  readonly user?: UserRule;
  /**
   * Who is told of errors, and how (A43): what every handler of kind `alerts` and every `AdminEmailHandler` leaves
   * open. As soon as a channel is named here, ERROR and above go there, unless such a handler is there already.
   */
  readonly alerts: {
    /** Who gets mails: `ada@example.com` or `Ada <ada@example.com>`. */
    readonly adminEmails: readonly string[];
    /** Who sends them (Django's `SERVER_EMAIL`); `root@localhost` where nobody is named. */
    readonly serverEmail?: string;
    /** `smtp://user:password@host:587` or `smtps://host`; port 25 of this machine where none is named. */
    readonly email?: string;
    /** A Slack or Teams webhook, or any other address that takes JSON. */
    readonly webhook?: string;
    /** A folder where each mail becomes a file, in place of a mail server. */
    readonly file?: string;
    /** Sends in place of a mail server. */
    readonly transport?: (subject: string, body: string) => unknown;
    /** In front of every subject (Django's `EMAIL_SUBJECT_PREFIX`); `[service]` where none is given. */
    readonly subjectPrefix?: string;
    /** Addresses and ranges that are `internal IP` in a subject, all others `EXTERNAL IP` (Django's `INTERNAL_IPS`). */
    readonly internalIps: readonly string[];
    /** Writes the text, in place of Django's `reporter_class`. What it gives passes redaction. */
    readonly report?: (record: LogRecord) => { readonly text: string; readonly html?: string };
    /** Adds the text as HTML. Off by default. */
    readonly includeHtml: boolean;
    /** Where a trace is shown: `https://traces.example.com/trace/{trace_id}`. */
    readonly link?: string;
  };
  readonly errors: {
    /**
     * Sends each record of ERROR and above as an error event to Sentry, or a server that speaks its protocol, beside
     * what OTLP sends (`SENTRY_DSN`, A60): `https://KEY@HOST/PROJECT`.
     */
    readonly dsn?: string;
    /** Whether an error event has the address of the client and the headers of the request. Off by default. */
    readonly sendDefaultPii: boolean;
    /**
     * Changes an error event before it is sent, or gives `null` to leave it out. What it gives passes redaction; one that
     * throws leaves the event as it was.
     */
    readonly beforeSend?: (
      event: ErrorEvent,
      hint: { readonly originalException: unknown },
    ) => ErrorEvent | null;
    /** Texts that occur in `Type: message`, or patterns that match it: such errors are no error events. */
    readonly ignoreErrors: readonly (string | RegExp)[];
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
    /**
     * Who observes a library that the app has enabled an official instrumentation for: that one (the default), or
     * Sonde's `own`, with the other one switched off (`SONDE_PREFER`).
     */
    readonly prefer: 'official' | 'own';
    /** By short name (`graphql`), what an official instrumentation is given that Sonde enables on demand. */
    readonly options: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  readonly otlp: { readonly off: boolean } & Readonly<Record<Signal, OtlpTarget>>;
  /** Where exporter `otlp_file` writes: `traces.jsonl`, `metrics.jsonl`, `logs.jsonl`, which rotate as log files do. */
  readonly otlpFile: {
    /** A folder, relative to the current one; `otlp` by default. It is made. */
    readonly dir: string;
    /** Bytes that no file exceeds. */
    readonly maxBytes: number;
    /** Files kept beside the one that is written. */
    readonly backups: number;
  };
  /** What waits for OTLP is on disk as well, and outlives the process. Off where no folder is given. */
  readonly spool: {
    /** May belong to anybody; Sonde makes a folder of its own in it (`SONDE_SPOOL_DIR`). */
    readonly dir?: string;
    /** Bytes on disk of one process; beyond them the oldest traces give way, then logs, errors last. */
    readonly maxBytes: number;
  };
  readonly memory: {
    /** Bytes of encoded telemetry that wait in memory, all signals together (`SONDE_MEMORY_MAX_BYTES`). */
    readonly maxBytes: number;
  };
}

type Plain = string | number | boolean | undefined | readonly unknown[] | ((...args: any[]) => unknown);
/** A partial of any depth; lists are replaced whole. */
export type Partially<T> = { readonly [K in keyof T]?: T[K] extends Plain ? T[K] : Partially<T[K]> };

/** What can be said of a destination; said once for all signals or for one of them. */
export type OtlpOptions = Partially<Omit<OtlpTarget, 'named'>>;

/** What can be said of log records: plain settings, and what goes where (A4 to A12). */
export type LogsOptions = Partially<Omit<Config['logs'], keyof LogsModel | 'off'>> & LogsModel;

/** What `init`, `defineConfig` and a configuration file take: any part of the configuration, to any depth. */
export type Options = Partially<Omit<Config, 'surroundings' | 'otlp' | 'logs'>> &
  SentryWords & {
    /**
     * `false`: nothing is done with log records, but ids still go where other libraries write theirs. A function gets
     * what would hold without it and gives all that holds instead (A12).
     */
    readonly logs?: LogsOptions | false | ((defaults: LogsOptions) => LogsOptions | false);
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
  flushEach: false,
  diagnostics: { level: 'info' },
  surroundings: { testRunner: false, development: false, kubernetes: false },
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
    off: false,
    level: 'info',
    format: 'auto',
    console: 'auto',
    file: { maxBytes: 10_485_760, backups: 5 },
    breadcrumbs: 'alerts',
    requestId: false,
    resource: 'auto',
    exporters: ['otlp'],
    batch: { ...batch, scheduleDelayMillis: 1_000 },
    attributeValueLengthLimit: Number.POSITIVE_INFINITY,
    attributeCountLimit: 128,
    formatters: {},
    filters: {},
    handlers: {},
    loggers: {},
    root: {},
    processors: [],
  },
  bridges: {
    level: 'info',
    pino: ['send', 'inject'],
    winston: ['send', 'inject'],
    bunyan: ['send', 'inject'],
    log4js: ['send', 'inject'],
    logtape: ['send', 'inject'],
    // People read these lines: they stay as they are, byte for byte.
    console: ['send'],
    debug: ['send'],
    debuglog: ['send'],
  },
  traces: {
    exporters: ['otlp'],
    sampler: 'parentbased_always_on',
    samplerArg: 1,
    rules: [],
    tracesPerSecond: Number.POSITIVE_INFINITY,
    tail: {
      slow: '1s',
      details: 'debug',
      logs: 'details',
      maxTraces: 2_000,
      maxBytes: 8_388_608,
      maxAgeMillis: 30_000,
    },
    limits: {
      attributeValueLengthLimit: Number.POSITIVE_INFINITY,
      attributeCountLimit: 128,
      eventCountLimit: 128,
      linkCountLimit: 128,
      attributePerEventCountLimit: 128,
      attributePerLinkCountLimit: 128,
    },
    batch,
    lateSpans: true,
    lostContext: true,
  },
  metrics: {
    exporters: ['otlp'],
    exportIntervalMillis: 60_000,
    exportTimeoutMillis: 30_000,
    temporality: 'cumulative',
    histogramAggregation: 'explicit_bucket_histogram',
    exemplarFilter: 'trace_based',
    host: false,
    prometheus: { host: '127.0.0.1', port: 9_464 },
  },
  http: {
    ignorePaths: ['/healthz', '/readyz', '/livez', '/health', '/metrics'],
    headers: { serverRequest: [], serverResponse: [], clientRequest: [], clientResponse: [] },
    bodySizes: false,
    middlewareSpans: false,
    serverTiming: false,
  },
  admin: {},
  health: { at: 'admin', shape: 'plain' },
  db: { logQueries: 'auto', slowQueryMillis: 500, nPlusOne: 5, poolWaitMillis: 500, comment: 'off' },
  security: { allowedHosts: [], rejectHosts: false },
  messaging: { relation: 'parent', depth: false },
  accessLog: { mode: 'on', level: 'info', format: 'semconv', ignore: [] },
  alerts: { adminEmails: [], internalIps: [], includeHtml: false },
  errors: { sendDefaultPii: false, ignoreErrors: [] },
  privacy: { redact: true, redactKeys: [], allowKeys: [], personal: [], patterns: [], masks: {} },
  instrumentations: { disabled: [], prefer: 'official', options: {} },
  otlp: { off: false, traces: otlp, metrics: otlp, logs: otlp },
  otlpFile: { dir: 'otlp', maxBytes: 10_485_760, backups: 5 },
  spool: { maxBytes: 52_428_800 },
  memory: { maxBytes: 33_554_432 },
};
