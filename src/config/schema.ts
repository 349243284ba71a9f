/** Which kind of value each place of the configuration holds; the same for code, file and environment. */
import type { EventProcessor } from '../logs/processors.ts';
import { callback, mailAddress, mailAddresses, networks, smtpUrl, webhookUrl } from './alert-kinds.ts';
import {
  attributes,
  headerNames,
  headers,
  hosts,
  instrumentations,
  masks,
  names,
  optionsByName,
  paths,
  patterns,
  personal,
  someOf,
  textsAndPatterns,
} from './collections.ts';
import {
  type BatchConfig,
  type BridgeWay,
  type Config,
  logFormats,
  type OtlpTarget,
  type ReloadSignal,
  type Signal,
} from './config.ts';
import {
  endpoint,
  flag,
  interval,
  type Kind,
  levels,
  limit,
  millis,
  oneOf,
  port,
  positive,
  rates,
  slowness,
  text,
  toggle,
  userRule,
} from './kinds.ts';
import { functions, items, levelName, parts } from './model-kinds.ts';
import { perSecond, sampler, samplerArg, samplingRules } from './sampling-kinds.ts';

type SettableTarget = Omit<OtlpTarget, 'named'>;

/** Everything somebody may set: `otlp` can be said once for all signals, too. */
interface Settings extends Omit<Config, 'surroundings' | 'otlp'> {
  readonly otlp: SettableTarget & { readonly off: boolean } & Readonly<Record<Signal, SettableTarget>>;
}

type Leaf = string | number | boolean | readonly unknown[] | ((...args: any[]) => unknown);
type IsLeaf<T> = T extends Leaf ? true : false;
type SchemaOf<T> = {
  readonly [K in keyof T]-?: true extends IsLeaf<NonNullable<T[K]>>
    ? Kind<NonNullable<T[K]>>
    : string extends keyof NonNullable<T[K]>
      ? Kind<NonNullable<T[K]>>
      : SchemaOf<NonNullable<T[K]>>;
};

export interface SchemaNode {
  readonly [name: string]: Kind<unknown> | SchemaNode;
}

export const signals: readonly Signal[] = ['traces', 'metrics', 'logs'];

const ownExporters = ['otlp', 'otlp/stdout', 'otlp_file', 'console'];
const laterExporters = ['zipkin', 'logging'];
const exporters: Kind<readonly string[]> = someOf(ownExporters, laterExporters);
const metricExporters: Kind<readonly string[]> = someOf([...ownExporters, 'prometheus'], laterExporters);

const ways = someOf(['send', 'inject'], []) as Kind<readonly BridgeWay[]>;

const batch: SchemaOf<BatchConfig> = {
  scheduleDelayMillis: millis,
  exportTimeoutMillis: millis,
  maxQueueSize: positive,
  maxExportBatchSize: positive,
};

const target: SchemaOf<SettableTarget> = {
  endpoint,
  protocol: oneOf(['http/protobuf', 'http/json', 'grpc']),
  headers,
  timeoutMillis: millis,
  compression: oneOf(['none', 'gzip']),
  certificate: text,
  clientKey: text,
  clientCertificate: text,
  insecure: flag,
};

const tree: SchemaOf<Settings> = {
  disabled: flag,
  debug: toggle,
  flushEach: flag,
  reloadSignal: oneOf<ReloadSignal>(['SIGHUP', 'SIGUSR2'], {
    aliases: { sighup: 'SIGHUP', hup: 'SIGHUP', sigusr2: 'SIGUSR2', usr2: 'SIGUSR2' },
  }),
  diagnostics: {
    level: oneOf(['debug', 'info', 'warn', 'error', 'none'], {
      aliases: {
        verbose: 'debug',
        all: 'debug',
        trace: 'debug',
        warning: 'warn',
        fatal: 'error',
        off: 'none',
      },
    }),
  },
  service: { name: text, version: text, instanceId: text },
  resource: attributes,
  propagators: someOf(['tracecontext', 'baggage', 'b3', 'b3multi'], ['jaeger', 'xray', 'ottrace']),
  correlation: {
    headers: headerNames,
    echo: toggle,
    generator: oneOf(['trace', 'uuid', 'hex']),
    propagateTo: hosts,
  },
  logs: {
    off: flag,
    level: levels,
    rate: rates,
    format: oneOf(logFormats),
    console: oneOf(['auto', 'off']),
    file: { path: text, maxBytes: positive, backups: limit },
    breadcrumbs: oneOf(['off', 'alerts', 'on'], { aliases: { true: 'on', false: 'off' } }),
    requestId: toggle,
    resource: oneOf(['auto', 'on', 'off'], { aliases: { true: 'on', false: 'off' } }),
    exporters,
    batch,
    attributeValueLengthLimit: limit,
    attributeCountLimit: limit,
    formatters: parts as Kind<Settings['logs']['formatters']>,
    filters: parts as Kind<Settings['logs']['filters']>,
    handlers: parts as Kind<Settings['logs']['handlers']>,
    loggers: parts as Kind<Settings['logs']['loggers']>,
    root: { level: levelName, handlers: names, filters: items, propagate: flag },
    processors: functions as Kind<readonly EventProcessor[]>,
  },
  bridges: {
    level: levels,
    pino: ways,
    winston: ways,
    bunyan: ways,
    log4js: ways,
    logtape: ways,
    console: ways,
    debug: ways,
    debuglog: ways,
  },
  traces: {
    exporters,
    sampler,
    samplerArg,
    rules: samplingRules,
    tracesPerSecond: perSecond,
    tail: {
      slow: slowness,
      details: oneOf(['trace', 'debug', 'off'], { aliases: { false: 'off', none: 'off' } }),
      logs: oneOf(['details', 'all']),
      maxTraces: positive,
      maxBytes: positive,
      maxAgeMillis: interval,
    },
    limits: {
      attributeValueLengthLimit: limit,
      attributeCountLimit: limit,
      eventCountLimit: limit,
      linkCountLimit: limit,
      attributePerEventCountLimit: limit,
      attributePerLinkCountLimit: limit,
    },
    batch,
    lateSpans: toggle,
    lostContext: toggle,
  },
  metrics: {
    exporters: metricExporters,
    prometheus: { host: text, port },
    exportIntervalMillis: interval,
    exportTimeoutMillis: millis,
    temporality: oneOf(['cumulative', 'delta', 'lowmemory']),
    histogramAggregation: oneOf(['explicit_bucket_histogram', 'base2_exponential_bucket_histogram']),
    exemplarFilter: oneOf(['always_on', 'always_off', 'trace_based']),
    host: toggle,
  },
  http: {
    ignorePaths: paths,
    headers: {
      serverRequest: headerNames,
      serverResponse: headerNames,
      clientRequest: headerNames,
      clientResponse: headerNames,
    },
    bodySizes: toggle,
    middlewareSpans: toggle,
    serverTiming: toggle,
  },
  admin: { port, host: text, token: { ...text, secret: 'whole' } },
  health: { at: oneOf(['admin', 'app', 'off']), shape: oneOf(['plain', 'django']) },
  db: {
    logQueries: oneOf(['auto', 'on', 'off'], { aliases: { true: 'on', false: 'off' } }),
    slowQueryMillis: limit,
    nPlusOne: limit,
    poolWaitMillis: limit,
    comment: oneOf(['off', 'on'], { aliases: { true: 'on', false: 'off' } }),
  },
  messaging: { relation: oneOf(['parent', 'link']), depth: toggle },
  accessLog: {
    mode: oneOf(['on', 'off', 'errors'], { aliases: { true: 'on', false: 'off' } }),
    level: oneOf(['info', 'by-status']),
    format: oneOf(['semconv', 'kv', 'json', 'combined', 'django']),
    ignore: paths,
  },
  security: { allowedHosts: hosts, rejectHosts: toggle },
  user: userRule,
  alerts: {
    adminEmails: mailAddresses,
    serverEmail: mailAddress,
    email: smtpUrl,
    webhook: webhookUrl,
    file: text,
    transport: callback as never,
    subjectPrefix: text,
    internalIps: networks,
    report: callback as never,
    includeHtml: toggle,
    link: text,
  },
  errors: {
    dsn: { ...text, secret: 'whole' },
    sendDefaultPii: toggle,
    beforeSend: callback as never,
    ignoreErrors: textsAndPatterns,
  },
  privacy: { redact: toggle, redactKeys: names, allowKeys: names, personal, patterns, masks },
  instrumentations: {
    enabled: instrumentations,
    disabled: instrumentations,
    prefer: oneOf(['official', 'own']),
    options: optionsByName,
  },
  // What is said for all signals stands before what is said for one, so that the one wins.
  otlp: { off: toggle, ...target, traces: target, metrics: target, logs: target },
  otlpFile: { dir: text, maxBytes: positive, backups: limit },
  spool: { dir: text, maxBytes: positive },
  memory: { maxBytes: positive },
};

export const schema: SchemaNode = tree as unknown as SchemaNode;

export function isKind(node: Kind<unknown> | SchemaNode): node is Kind<unknown> {
  return typeof node.read === 'function';
}

function flatten(node: SchemaNode, prefix: string): [path: string, kind: Kind<unknown>][] {
  return Object.entries(node).flatMap(([name, child]) =>
    isKind(child) ? [[`${prefix}${name}`, child]] : flatten(child, `${prefix}${name}.`),
  );
}

/** Every path and its kind: `logs.batch.maxQueueSize`. */
export const kindOf: ReadonlyMap<string, Kind<unknown>> = new Map(flatten(schema, ''));

/** What people are shown of a value: rules and the like as somebody would write them. */
export function readable(path: string, value: unknown): unknown {
  const kind = kindOf.get(path);
  return value === undefined || kind?.texts === undefined ? value : kind.texts(value);
}
