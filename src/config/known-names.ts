/** Names that set nothing here and still are no mistake: Sonde's later ones, and those of the neighbourhood. */

/** Read in other places: which file to load, whether the preload stays off, whose child process this is. */
export const readElsewhere: readonly string[] = ['SONDE_CONFIG', 'SONDE_FORCE', 'SONDE_CORRELATION_ID'];

/** Sonde's own names whose feature is not built yet. A row leaves this list when it does something. */
export const sondeLater: readonly string[] = ['SONDE_PARTS_FROM', 'SONDE_DEV'];

/** Declarative YAML: its place is kept, it is not read yet. */
export const declarative: readonly string[] = ['OTEL_CONFIG_FILE', 'OTEL_EXPERIMENTAL_CONFIG_FILE'];

/** Names of the specification and of OpenTelemetry for Node.js that have no effect in Sonde. */
export const withoutEffect: readonly string[] = [
  'OTEL_ENTITIES',
  'OTEL_EXPORTER_ZIPKIN_ENDPOINT',
  'OTEL_EXPORTER_ZIPKIN_TIMEOUT',
  'OTEL_EXPORTER_ZIPKIN_PROTOCOL',
  'OTEL_EXPORTER_OTLP_SPAN_INSECURE',
  'OTEL_EXPORTER_OTLP_METRIC_INSECURE',
  'OTEL_PROFILES_EXPORTER',
  'OTEL_NODE_RESOURCE_DETECTORS',
  'OTEL_NODE_EXPERIMENTAL_SDK_METRICS',
  'OTEL_NO_PATCH_MODULES',
  'OTEL_SPAN_ATTRIBUTE_PER_EVENT_COUNT_LIMIT',
  'OTEL_SPAN_ATTRIBUTE_PER_LINK_COUNT_LIMIT',
  'OTEL_SEMCONV_STABILITY_OPT_IN',
  'OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN',
  'OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS',
];

/** Families: other languages, the operator and its injector, agents and vendors beside us. */
const families = [
  'JAVA|JAVAAGENT|JAVASCRIPT|JMX|PYTHON|PHP|DOTNET|GO|RUBY|CPP|RUST|SWIFT|ERLANG|ELIXIR|KOTLIN|ANDROID|IOS|NGINX',
  'RESOURCE_ATTRIBUTES|RESOURCE_PROVIDERS|INJECTOR|OPERATOR|LAMBDA|AWS|AZURE|GCP|EBPF|COLLECTOR|POD|K8S',
  'INSTRUMENTATION|EXPERIMENTAL|SEMCONV|EXPORTER_JAEGER|EXPORTER_ZIPKIN|EXPORTER_PROMETHEUS',
  'EXPORTER_OTLP_PROFILES',
];
const foreignFamily = new RegExp(`^OTEL_(?:${families.join('|')})_`);

/** What Kubernetes adds to every pod for a service called `otel-collector` or `sonde-shop`. */
const serviceLink =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;

/** Whether a name that no table holds is somebody else's rather than a slip of the pen. */
export function isForeign(name: string, value: string): boolean {
  if (foreignFamily.test(name) || serviceLink.test(name)) return true;
  return name.endsWith('_PORT') && /^(?:tcp|udp|sctp):\/\//.test(value);
}
