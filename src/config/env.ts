/**
 * The only reader of the environment. No imports: the preload asks it before anything else of Sonde may be read.
 * What the variables mean stands in `variables.ts`.
 */

export type Env = Readonly<Record<string, string | undefined>>;

/** What Sonde reads. In a cluster each service adds seven variables to each process: thousands, read by nobody here. */
const ours =
  /^(?:(?:OTEL|SONDE)_.*|(?:DJANGO_)?LOG_LEVEL|NODE_ENV|VITEST|JEST_WORKER_ID|NODE_TEST_CONTEXT|KUBERNETES_SERVICE_HOST|NO_COLOR|FORCE_COLOR|TERM|ENVIRONMENT|SENTRY_(?:DSN|ENVIRONMENT|RELEASE)|pm_exec_path|AWS_LAMBDA_FUNCTION_NAME|LAMBDA_TASK_ROOT|_HANDLER)$/is;

/**
 * A copy of what concerns Sonde in the process's environment as it is now; names are upper case on Windows, where case
 * does not count. Each value is a search through the whole environment, so only these are read.
 */
export function environment(): Env {
  const names = Reflect.ownKeys(process.env).filter((name) => typeof name === 'string' && ours.test(name));
  const isWindows = process.platform === 'win32';
  const named = (name: string) => (isWindows ? name.toUpperCase() : name);
  const own = (names as string[]).map((name) => [named(name), process.env[name]] as const);
  return Object.fromEntries([...own, ...packedByPm2()]);
}

/**
 * A preload in a worker of pm2's cluster mode comes before pm2's own script, which unpacks the app's environment from one
 * variable and removes that.
 */
function packedByPm2(): [string, string][] {
  try {
    const packed: Record<string, unknown> = JSON.parse(process.env.pm2_env ?? '{}');
    return Object.entries(packed).filter(
      (row): row is [string, string] => ours.test(row[0]) && typeof row[1] === 'string',
    );
  } catch {
    return [];
  }
}

/** Whether a script of pm2's runs the app inside a worker of its daemon, and takes over the standard streams for that. */
export function isPm2Worker(): boolean {
  return /[\\/]ProcessContainer\.js$/.test(process.argv[1] ?? '') && process.connected === true;
}

/** The command line that the environment adds to Node's. */
export function nodeOptions(): string {
  return process.env.NODE_OPTIONS ?? '';
}

/** What says how to get out of a network, as Node's own `proxyEnv` takes it. */
export function proxyVariables(): Env {
  const names = Object.keys(process.env).filter((name) => /^(?:https?|no)_proxy$/i.test(name));
  return Object.fromEntries(names.map((name) => [name, process.env[name]]));
}

/** A copy of all of it, for a child process. */
export function wholeEnvironment(): Env {
  return { ...process.env };
}

/** jest, vitest, node:test, or whoever sets `NODE_ENV=test`. mocha sets nothing of its own. */
export function isTestRunner(env: Env): boolean {
  return env.NODE_ENV === 'test' || Boolean(env.VITEST || env.JEST_WORKER_ID || env.NODE_TEST_CONTEXT);
}

/** `NODE_ENV=development`, unless another environment is named. Unset counts as production (A8). */
export function isDevelopment(env: Env = environment()): boolean {
  const named = /(?:^|,)\s*deployment\.environment\.name=([^,]*)/.exec(
    env.OTEL_RESOURCE_ATTRIBUTES ?? '',
  )?.[1];
  const environment = named || env.SENTRY_ENVIRONMENT || env.ENVIRONMENT || env.NODE_ENV;
  return /^dev(?:elopment)?$/i.test((environment ?? '').trim());
}

/** Every pod is given the address of its cluster. */
export function isKubernetes(env: Env): boolean {
  return Boolean(env.KUBERNETES_SERVICE_HOST);
}

/** What AWS Lambda tells a function of itself. */
export interface LambdaVariables {
  readonly name: string;
  readonly version: string | undefined;
  readonly region: string | undefined;
  /** MiB. */
  readonly memory: number;
  readonly logGroup: string | undefined;
  readonly logStream: string | undefined;
  /** `file.export` of the function, below `taskRoot`. */
  readonly handler: string | undefined;
  readonly taskRoot: string | undefined;
  /** `host:port` that the runtime speaks to. */
  readonly runtimeApi: string | undefined;
}

/** `undefined` anywhere but in a Lambda function. */
export function lambdaVariables(): LambdaVariables | undefined {
  if (!process.env.AWS_LAMBDA_FUNCTION_NAME) return undefined;
  return {
    name: process.env.AWS_LAMBDA_FUNCTION_NAME,
    version: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    region: process.env.AWS_REGION,
    memory: Number(process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE),
    logGroup: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStream: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    handler: process.env._HANDLER,
    taskRoot: process.env.LAMBDA_TASK_ROOT,
    runtimeApi: process.env.AWS_LAMBDA_RUNTIME_API,
  };
}

/** The file that pm2 keeps for what the app writes to this stream; none where it is told to keep none. */
export function pm2LogFile(name: 'stdout' | 'stderr'): string | undefined {
  const { pm_out_log_path, pm_err_log_path } = process.env;
  const path = name === 'stdout' ? pm_out_log_path : pm_err_log_path;
  return path && !/^(?:NULL|\/dev\/null)$/.test(path) ? path : undefined;
}

/** The context that a parent process under Sonde hands its children; see `inherited.ts`. */
export interface InheritedVariables {
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly baggage?: string;
  readonly correlationId?: string;
}

/** `TRACEPARENT`, `TRACESTATE`, `BAGGAGE` and `SONDE_CORRELATION_ID`, as they are. */
export function inheritedCarrier(): InheritedVariables {
  const { TRACEPARENT, TRACESTATE, BAGGAGE, SONDE_CORRELATION_ID } = process.env;
  return {
    traceparent: TRACEPARENT,
    tracestate: TRACESTATE,
    baggage: BAGGAGE,
    correlationId: SONDE_CORRELATION_ID,
  };
}
