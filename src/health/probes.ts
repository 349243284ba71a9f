/** Answers to probes (A54 to A56), on whatever server they come in. Nothing in here knows of an exporter. */
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https from 'node:https';
import { startServer } from '../bounded-server.ts';
import { diagnostics } from '../diagnostics.ts';
import { configInForce } from '../logs/installation.ts';
import { type Answer, isMountable, mountPath } from '../mounted-paths.ts';
import { isOwnRequest } from '../own-servers.ts';
import { nameText } from '../processing/name-text.ts';
import { isEnding } from '../readiness.ts';
import { shared } from '../slot.ts';
import { Check, type Finding } from './check.ts';
import type {
  CheckOptions,
  HealthServeOptions,
  HealthServer,
  HealthShape,
  HealthShapeOptions,
} from './health.ts';
import { functionOf } from './ready-made.ts';

export { countMigrations } from './migrations.ts';

const checks = shared('health checks', () => new Map<string, Check>());
/** Each probe asks all of them. */
const mostChecks = 64;
const longestName = 64;

export function addCheck(given: string, check: unknown, options?: CheckOptions): () => void {
  const name = nameText(given, longestName);
  if (checks.size >= mostChecks && !checks.has(name)) {
    diagnostics.warn(
      'SONDE_ERR_HEALTH',
      `Health check ${name} was left out: there are ${mostChecks} already.`,
    );
    return () => undefined;
  }
  if (name === 'status') {
    diagnostics.warn(
      'SONDE_ERR_HEALTH',
      'A health check named status was left out: the answer has that name.',
    );
    return () => undefined;
  }
  const added = new Check(name, functionOf(name, check), options ?? {});
  checks.set(name, added);
  return () => {
    if (checks.get(name) === added) checks.delete(name);
  };
}

interface Reply {
  readonly status: number;
  readonly body: object;
}

const alive: Reply = { status: 200, body: { status: 'ok' } };
const notReady: Reply = { status: 503, body: { status: 'not_ready' } };

type Found = readonly (readonly [check: Check, finding: Finding])[];

function askChecks(): Promise<Found> {
  return Promise.all([...checks.values()].map(async (check) => [check, await check.ask()] as const));
}

const isFine = (found: Found) => found.every(([check, { isOk }]) => isOk || !check.isCritical);

async function readiness(): Promise<Reply> {
  if (isEnding()) return notReady;
  const found = await askChecks();
  if (isEnding()) return notReady;
  const named = found.map(([{ name }, { isOk }]) => [name, isOk ? 'ok' : 'down']);
  const isReady = isFine(found);
  return {
    status: isReady ? 200 : 503,
    body: Object.fromEntries([['status', isReady ? 'ready' : 'not_ready'], ...named]),
  };
}

/** What S2's view answers. A check that gives `false`, as after a round trip that came back different, has `failed`. */
async function djangoHealth(): Promise<Reply> {
  const found = isEnding() ? [] : await askChecks();
  const isHealthy = !isEnding() && isFine(found);
  const named = found.map(([{ name }, finding]) => [name, djangoWord(finding)]);
  return {
    status: isHealthy ? 200 : 503,
    body: { status: isHealthy ? 'healthy' : 'unhealthy', checks: Object.fromEntries(named) },
  };
}

/** A message may name hosts and users: only developers see it. */
function djangoWord(finding: Finding): string {
  if (finding.isOk) return 'ok';
  if (finding.type === undefined) return 'failed';
  return isDeveloping() ? finding.reason : finding.type;
}

const isDeveloping = () => configInForce().surroundings.development;

const plainPaths: Readonly<Record<string, () => Reply | Promise<Reply>>> = {
  '/healthz': () => alive,
  '/livez': () => alive,
  '/readyz': readiness,
};
const djangoPaths = { ...plainPaths, '/health': djangoHealth };

function pathsOf(shape: HealthShape = configInForce().health.shape): typeof plainPaths {
  return shape === 'django' ? djangoPaths : plainPaths;
}

/** Answers what is a probe; `false` for everything else. */
export function answerProbe(
  request: IncomingMessage,
  response: ServerResponse,
  shape?: HealthShape,
): boolean {
  const path = /^[^?]*?(?=\/?(?:\?|$))/.exec(request.url ?? '')?.[0] ?? '';
  const paths = pathsOf(shape);
  if (!Object.hasOwn(paths, path)) return false;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    send(response, { status: 405, body: { status: 'method_not_allowed' } }, { allow: 'GET, HEAD' });
  } else void reply(response, paths[path]!);
  request.resume();
  return true;
}

async function reply(response: ServerResponse, make: () => Reply | Promise<Reply>): Promise<void> {
  const made = make();
  // No turn of its own for what is known at once.
  send(response, made instanceof Promise ? await made : made);
}

function send(response: ServerResponse, { status, body }: Reply, headers: Record<string, string> = {}): void {
  const text = JSON.stringify(body);
  try {
    response.writeHead(status, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
      ...headers,
    });
    response.end(text);
  } catch (error) {
    diagnostics.debug(`A probe was not answered: ${String(error)}`);
  }
}

const isOff = () => configInForce().health.at === 'off';

export function mountHealth(server: Server, options?: HealthShapeOptions): () => void {
  if (!isMountable(server)) {
    diagnostics.debug('health.mount() was called without a server to mount on.');
    return () => undefined;
  }
  const answer: Answer = (request, response) => !isOff() && answerProbe(request, response, options?.shape);
  // Without a word the shape is known only when `init` has run.
  const shaped = options?.shape === 'plain' ? plainPaths : djangoPaths;
  const paths = Object.keys(shaped).flatMap((path) => [path, `${path}/`]);
  const removals = paths.map((path) => mountPath(server, path, answer));
  return () => {
    for (const remove of removals) remove();
  };
}

export function serveHealth(options?: HealthServeOptions): HealthServer {
  const { port = 0, host = '127.0.0.1', shape } = options ?? {};
  return startServer({
    ...{ port, host, what: 'Health is', path: '/readyz' },
    handle(request, response) {
      if (isOff() || !answerProbe(request, response, shape))
        response.writeHead(404, { 'content-length': 0 }).end();
    },
  });
}

type Emit = (this: object, event: string | symbol, ...args: any[]) => boolean;

/**
 * `SONDE_HEALTH=app`: on every HTTP server of the app, without a word in its code. It stays when Sonde ends: what is
 * shutting down must still say so.
 */
export function answerOnAppServers(): void {
  shared('health on app servers', () => [http.Server.prototype, https.Server.prototype].map(answerOn));
}

function answerOn(prototype: object): void {
  const { emit: original } = prototype as { emit: Emit };
  const emit: Emit = function (event, ...args) {
    const isAsked =
      event === 'request' && configInForce().health.at === 'app' && !isOwnRequest(this, args[0].url);
    return (isAsked && answerProbe(args[0], args[1])) || original.call(this, event, ...args);
  };
  Object.defineProperty(prototype, 'emit', { value: emit, configurable: true, writable: true });
}
