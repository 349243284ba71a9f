/** The table of environment variables: one row per variable, later rows win over earlier ones. */
import { attributeNamed } from './collections.ts';
import { type Kind, offSwitch } from './kinds.ts';
import { signals } from './schema.ts';

export interface Variable {
  readonly name: string;
  /** Where it goes in the configuration. */
  readonly paths: readonly string[];
  /** How its text is read, if not as its path says. */
  readonly kind?: Kind<unknown>;
  /** Other software writes it too, so a wrong value is only a word for `debug`. */
  readonly isForeign?: boolean;
}

function row(name: string, ...paths: string[]): Variable {
  return { name, paths };
}

const sonde: readonly Variable[] = [
  row('SONDE_LOG_LEVEL', 'logs.level'),
  row('SONDE_LOG_RATE', 'logs.rate'),
  row('SONDE_LOG_FORMAT', 'logs.format'),
  row('SONDE_LOG_CONSOLE', 'logs.console'),
  row('SONDE_LOG_REQUEST_ID', 'logs.requestId'),
  row('SONDE_LOG_FILE', 'logs.file.path'),
  row('SONDE_LOG_FILE_MAX_BYTES', 'logs.file.maxBytes'),
  row('SONDE_LOG_FILE_BACKUPS', 'logs.file.backups'),
  row('SONDE_BREADCRUMBS', 'logs.breadcrumbs'),
  row('SONDE_LOG_RESOURCE', 'logs.resource'),
  row('SONDE_CORRELATION_HEADERS', 'correlation.headers'),
  row('SONDE_CORRELATION_ECHO', 'correlation.echo'),
  row('SONDE_PROPAGATE_TO', 'correlation.propagateTo'),
  row('SONDE_IGNORE_PATHS', 'http.ignorePaths'),
  row('SONDE_SAMPLING_RULES', 'traces.rules'),
  row('SONDE_TRACES_PER_SECOND', 'traces.tracesPerSecond'),
  row('SONDE_SLOW_QUERY_MS', 'db.slowQueryMillis'),
  row('SONDE_POOL_WAIT_MS', 'db.poolWaitMillis'),
  row('SONDE_ADMIN_PORT', 'admin.port'),
  row('SONDE_ADMIN_HOST', 'admin.host'),
  row('SONDE_ADMIN_TOKEN', 'admin.token'),
  row('SONDE_HEALTH', 'health.at'),
  row('SONDE_QUEUE_DEPTH', 'messaging.depth'),
  row('SONDE_HOST_METRICS', 'metrics.host'),
  row('SONDE_ALLOWED_HOSTS', 'security.allowedHosts'),
  row('SONDE_ACCESS_LOG', 'accessLog.mode'),
  row('SONDE_REDACT', 'privacy.redact'),
  row('SONDE_REDACT_KEYS', 'privacy.redactKeys'),
  row('SONDE_REDACT_ALLOW', 'privacy.allowKeys'),
  row('SONDE_REDACT_PERSONAL', 'privacy.personal'),
  row('SONDE_REDACT_PATTERN', 'privacy.patterns'),
  { name: 'SONDE_OTLP', paths: ['otlp.off'], kind: offSwitch },
  row('SONDE_RELOAD_SIGNAL', 'reloadSignal'),
  row('SONDE_OTLP_FILE_DIR', 'otlpFile.dir'),
  row('SONDE_OTLP_FILE_MAX_BYTES', 'otlpFile.maxBytes'),
  row('SONDE_OTLP_FILE_BACKUPS', 'otlpFile.backups'),
  row('SONDE_SPOOL_DIR', 'spool.dir'),
  row('SONDE_SPOOL_MAX_BYTES', 'spool.maxBytes'),
  row('SONDE_MEMORY_MAX_BYTES', 'memory.maxBytes'),
  row('SONDE_TAIL_SLOW', 'traces.tail.slow'),
  row('SONDE_TAIL_DETAILS', 'traces.tail.details'),
  row('SONDE_TAIL_LOGS', 'traces.tail.logs'),
  row('SONDE_TAIL_MAX_TRACES', 'traces.tail.maxTraces'),
  row('SONDE_TAIL_MAX_BYTES', 'traces.tail.maxBytes'),
  row('SONDE_TAIL_MAX_AGE', 'traces.tail.maxAgeMillis'),
  row('SONDE_PREFER', 'instrumentations.prefer'),
  row('SONDE_FLUSH_EACH', 'flushEach'),
  row('SONDE_DEBUG', 'debug'),
];

const general: readonly Variable[] = [
  row('OTEL_SDK_DISABLED', 'disabled'),
  row('OTEL_RESOURCE_ATTRIBUTES', 'resource'),
  row('OTEL_SERVICE_NAME', 'service.name'),
  row('OTEL_LOG_LEVEL', 'diagnostics.level'),
  row('OTEL_PROPAGATORS', 'propagators'),
  row('OTEL_TRACES_SAMPLER', 'traces.sampler'),
  row('OTEL_TRACES_SAMPLER_ARG', 'traces.samplerArg'),
  row('OTEL_TRACES_EXPORTER', 'traces.exporters'),
  row('OTEL_METRICS_EXPORTER', 'metrics.exporters'),
  row('OTEL_LOGS_EXPORTER', 'logs.exporters'),
  row('OTEL_NODE_ENABLED_INSTRUMENTATIONS', 'instrumentations.enabled'),
  row('OTEL_NODE_DISABLED_INSTRUMENTATIONS', 'instrumentations.disabled'),
];

const batches: readonly Variable[] = [
  row('OTEL_BSP_SCHEDULE_DELAY', 'traces.batch.scheduleDelayMillis'),
  row('OTEL_BSP_EXPORT_TIMEOUT', 'traces.batch.exportTimeoutMillis'),
  row('OTEL_BSP_MAX_QUEUE_SIZE', 'traces.batch.maxQueueSize'),
  row('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 'traces.batch.maxExportBatchSize'),
  row('OTEL_BLRP_SCHEDULE_DELAY', 'logs.batch.scheduleDelayMillis'),
  row('OTEL_BLRP_EXPORT_TIMEOUT', 'logs.batch.exportTimeoutMillis'),
  row('OTEL_BLRP_MAX_QUEUE_SIZE', 'logs.batch.maxQueueSize'),
  row('OTEL_BLRP_MAX_EXPORT_BATCH_SIZE', 'logs.batch.maxExportBatchSize'),
];

const limits: readonly Variable[] = [
  row(
    'OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT',
    'traces.limits.attributeValueLengthLimit',
    'logs.attributeValueLengthLimit',
  ),
  row('OTEL_ATTRIBUTE_COUNT_LIMIT', 'traces.limits.attributeCountLimit', 'logs.attributeCountLimit'),
  row('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'traces.limits.attributeValueLengthLimit'),
  row('OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT', 'traces.limits.attributeCountLimit'),
  row('OTEL_SPAN_EVENT_COUNT_LIMIT', 'traces.limits.eventCountLimit'),
  row('OTEL_SPAN_LINK_COUNT_LIMIT', 'traces.limits.linkCountLimit'),
  row('OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT', 'traces.limits.attributePerEventCountLimit'),
  row('OTEL_LINK_ATTRIBUTE_COUNT_LIMIT', 'traces.limits.attributePerLinkCountLimit'),
  row('OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT', 'logs.attributeValueLengthLimit'),
  row('OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT', 'logs.attributeCountLimit'),
];

const metrics: readonly Variable[] = [
  row('OTEL_METRIC_EXPORT_INTERVAL', 'metrics.exportIntervalMillis'),
  row('OTEL_METRIC_EXPORT_TIMEOUT', 'metrics.exportTimeoutMillis'),
  row('OTEL_METRICS_EXEMPLAR_FILTER', 'metrics.exemplarFilter'),
  row('OTEL_EXPORTER_PROMETHEUS_HOST', 'metrics.prometheus.host'),
  row('OTEL_EXPORTER_PROMETHEUS_PORT', 'metrics.prometheus.port'),
  row('OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE', 'metrics.temporality'),
  row('OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION', 'metrics.histogramAggregation'),
];

const otlpFields = {
  ENDPOINT: 'endpoint',
  HEADERS: 'headers',
  PROTOCOL: 'protocol',
  TIMEOUT: 'timeoutMillis',
  COMPRESSION: 'compression',
  CERTIFICATE: 'certificate',
  CLIENT_KEY: 'clientKey',
  CLIENT_CERTIFICATE: 'clientCertificate',
  INSECURE: 'insecure',
};

/** `OTEL_EXPORTER_OTLP_TIMEOUT` for all signals, `OTEL_EXPORTER_OTLP_LOGS_TIMEOUT` for one, and so on. */
function otlpRows(infix: string, path: string): Variable[] {
  return Object.entries(otlpFields).map(([suffix, field]) =>
    row(`OTEL_EXPORTER_OTLP_${infix}${suffix}`, `${path}${field}`),
  );
}

/** Weaker than any other variable, since they belong to everybody. */
export const fallbacks: readonly Variable[] = [
  { name: 'LOG_LEVEL', paths: ['logs.level'], isForeign: true },
  { name: 'ENVIRONMENT', paths: ['resource'], kind: attributeNamed('deployment.environment.name') },
  { name: 'SENTRY_ENVIRONMENT', paths: ['resource'], kind: attributeNamed('deployment.environment.name') },
  { name: 'SENTRY_DSN', paths: ['errors.dsn'] },
  { name: 'SENTRY_RELEASE', paths: ['resource'], kind: attributeNamed('service.version') },
];

/** All variables that set something, from weak to strong. */
export const variables: readonly Variable[] = [
  ...sonde,
  ...general,
  ...batches,
  ...limits,
  ...metrics,
  ...otlpRows('', 'otlp.'),
  ...signals.flatMap((signal) => otlpRows(`${signal.toUpperCase()}_`, `otlp.${signal}.`)),
];
