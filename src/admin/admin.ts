/** The port for operators: health, metrics, levels of loggers, status. Off unless somebody names it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BoundedServer, startServer } from '../bounded-server.ts';
import type { Config } from '../config/config.ts';
import { settingsOf } from '../config/settings.ts';
import { diagnostics } from '../diagnostics.ts';
import { answerProbe } from '../health/probes.ts';
import { configInForce } from '../logs/installation.ts';
import { metricsPage } from '../metrics/page.ts';
import { isEnding } from '../readiness.ts';
import type { Status } from '../sonde.ts';
import { type GuardOptions, isLoopback, isNamedRightly, refusalOf } from './guard.ts';
import { levelTree, putLevels } from './log-levels.ts';

const loopback = '127.0.0.1';
const longestBody = 65_536;

type Handle = (request: IncomingMessage, response: ServerResponse) => unknown;

export function openAdmin(config: Config, status: () => Status): BoundedServer {
  const { port = 0, host = loopback, token } = config.admin;
  if (config.admin.host === undefined && config.surroundings.kubernetes) tellOfLoopback(port);
  const guard: GuardOptions = { host, token };
  // Opened at once, and in each worker of a cluster: what is measured before somebody looks is on it.
  metricsPage();
  const routes = routesOf(status);
  return startServer({
    ...{ host, port, what: 'The admin port is', path: '/' },
    handle: (request, response) => route(request, response, routes, guard),
  });
}

function tellOfLoopback(port: number): void {
  const reach =
    'probes and scrapes from outside the pod do not reach it. Set SONDE_ADMIN_HOST=0.0.0.0 if they should';
  diagnostics.info(
    `The admin port ${port} listens on ${loopback} only: ${reach}, or to ${loopback} to say that not.`,
  );
}

/** Method and path to what answers. */
function routesOf(status: () => Status): Readonly<Record<string, Handle>> {
  const levels: Handle = (_request, response) => send(response, 200, levelTree());
  const told: Handle = (_request, response) =>
    send(response, 200, { ...status(), ready: !isEnding(), configuration: settingsOf(configInForce()) });
  const volume: Handle = (_request, response) => send(response, 200, status().volume);
  return {
    ...{ 'GET /status/volume': volume, 'HEAD /status/volume': volume },
    ...{ 'GET /log-levels': levels, 'HEAD /log-levels': levels, 'PUT /log-levels': changeLevels },
    ...{ 'GET /status': told, 'HEAD /status': told },
  };
}

function route(
  request: IncomingMessage,
  response: ServerResponse,
  routes: Readonly<Record<string, Handle>>,
  guard: GuardOptions,
): unknown {
  const isProbe = configInForce().health.at !== 'off';
  // A kubelet names whatever host it is told to, and what it may learn is no secret.
  if (isProbe && answerProbe(request, response)) return undefined;
  if (!isNamedRightly(request, guard)) return refuse(response, 403, 'the Host header names another server');
  const path = /^[^?]*?(?=\/?(?:\?|$))/.exec(request.url ?? '')?.[0] ?? '';
  const isOpen = path === '/metrics' && isLoopback(guard.host);
  const refusal = isOpen ? undefined : refusalOf(request, guard);
  if (refusal !== undefined) return refuse(response, refusal.status, `${path || '/'} ${refusal.why}`);
  const handle = path === '/metrics' ? metrics : routes[`${request.method} ${path}`];
  return handle === undefined ? refuseMethod(response, path, routes) : handle(request, response);
}

function refuseMethod(
  response: ServerResponse,
  path: string,
  routes: Readonly<Record<string, Handle>>,
): unknown {
  const methods = Object.keys(routes).filter((route) => route.endsWith(` ${path}`));
  if (methods.length === 0 || path === '')
    return refuse(
      response,
      404,
      'here are /healthz, /readyz, /metrics, /log-levels, /status, /status/volume',
    );
  response.setHeader('allow', methods.map((route) => route.split(' ', 1)[0]).join(', '));
  return refuse(response, 405, 'not by this method');
}

const metrics: Handle = (request, response) => {
  const page = metricsPage();
  if (page === undefined) refuse(response, 404, 'there are no metrics in this mode');
  else void page.serve(request, response);
};

const changeLevels: Handle = async (request, response) => {
  const text = await bodyOf(request);
  if (text === undefined) return refuse(response, 413, `more than ${longestBody} bytes`);
  const { wrong, changed } = putLevels(text);
  if (wrong !== undefined) return refuse(response, 400, wrong);
  diagnostics.info(`Levels of loggers set by the admin port: ${changed}.`);
  send(response, 200, levelTree());
};

/** `undefined` for one that is too long. What breaks off never settles the answer, and its socket is gone. */
function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  return new Promise((resolve) => {
    let text = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      text = text.length > longestBody ? text : text + chunk;
      if (text.length > longestBody) resolve(undefined);
    });
    request.on('end', () => resolve(text));
  });
}

function refuse(response: ServerResponse, status: number, why: string): void {
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  if (status === 413) response.setHeader('connection', 'close');
  send(response, status, { error: why });
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(text);
}
