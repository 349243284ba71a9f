import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener } from 'node:http';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { httpClient } from '../../instrumentation/http-client.ts';
import { httpServer } from '../../instrumentation/http-server.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type Observed, observe } from '../support/observed.ts';
import { connect, listen } from '../support/raw-http.ts';

const home = 'http://127.0.0.1:PORT';

/** Where Sonde says something else than the official instrumentation, and why. Anything beyond this list fails. */
const differences: readonly [where: string, official: unknown, sonde: unknown, reason: string][] = [
  ...because('the query is shown as it was sent: re-encoding it would be another query', [
    ['GET 200 · server /orders · url.query', 'page=2&q=a+b', 'page=2&q=a%20b'],
    ['GET 200 · client /orders · url.full', `${home}/orders?page=2&q=a+b`, `${home}/orders?page=2&q=a%20b`],
  ]),
  ...because('an opt-in attribute of clients, and seldom more than a constant', [
    ['GET 200 · client /orders · user_agent.original', 'probe/1', undefined],
  ]),
  ...because('a method that is not known must not name a span: names are to be few', [
    ['unknown method · server / · name', 'PROPFIND', 'HTTP'],
    ['unknown method · client / · name', 'PROPFIND', 'HTTP'],
  ]),
  ...because('a token is a secret too', [
    [
      'secret in the query · server / · url.query',
      'token=s3cr3t&sig=REDACTED',
      'token=REDACTED&sig=REDACTED',
    ],
    [
      'secret in the query · client / · url.full',
      `${home}/?token=s3cr3t&sig=REDACTED`,
      `${home}/?token=REDACTED&sig=REDACTED`,
    ],
  ]),
  ...because('user and password are no part of where a request went', [
    ['user and password · client / · url.full', 'http://REDACTED:REDACTED@127.0.0.1:PORT/', `${home}/`],
  ]),
  ...because('a request that was cut is an error, and 200 was only what the app might have said', [
    ['abort by the client · server /never · status', 'UNSET', 'ERROR'],
    ['abort by the client · server /never · error.type', undefined, 'aborted'],
    ['abort by the client · server /never · http.response.status_code', 200, undefined],
    [
      'abort by the client · server durations',
      '1 × http.request.method=GET http.response.status_code=200 network.protocol.version=1.1 url.scheme=http',
      '1 × error.type=aborted http.request.method=GET network.protocol.version=1.1 url.scheme=http',
    ],
  ]),
  ...because('the code of a system error tells it apart, its class does not', [
    ['refused connection · client / · error.type', 'Error', 'ECONNREFUSED'],
    [
      'refused connection · client durations',
      '1 × error.type=Error http.request.method=GET server.address=127.0.0.1 server.port=1',
      '1 × error.type=ECONNREFUSED http.request.method=GET server.address=127.0.0.1 server.port=1',
    ],
  ]),
  ...because('exceptions as span events are deprecated; the status carries the message', [
    ['refused connection · client / · events', 'exception', ''],
  ]),
  ...because('headers that any caller can forge are not believed unasked', [
    ['forwarded request · server / · server.address', 'shop.example', '127.0.0.1'],
    ['forwarded request · server / · server.port', undefined, 'PORT'],
    ['forwarded request · server / · client.address', '10.1.2.3', '127.0.0.1'],
  ]),
];

type Difference = readonly [where: string, official: unknown, sonde: unknown];

function because(reason: string, list: readonly Difference[]): [string, unknown, unknown, string][] {
  return list.map(([where, before, now]) => [where, before, now, reason]);
}

/** The official one, in the shape of ours. */
function official(): Instrumentation {
  const instrumentation = new HttpInstrumentation({ enabled: false });
  return {
    name: 'official',
    modules: [],
    enable() {
      instrumentation.setTracerProvider(trace.getTracerProvider());
      instrumentation.setMeterProvider(metrics.getMeterProvider());
      instrumentation.enable();
      createRequire(import.meta.url)('node:http');
    },
    disable: () => instrumentation.disable(),
  };
}

const routes: RequestListener = async (request, response) => {
  const { pathname } = new URL(request.url as string, 'http://a');
  if (pathname === '/never') return;
  if (pathname === '/relay') await get(`http://${request.headers.host}/inner`);
  for await (const _chunk of request);
  response.statusCode = Number(/^\/(\d{3})$/.exec(pathname)?.[1] ?? 200);
  response.end('ok');
};

async function get(url: string, options: http.RequestOptions = {}, body?: string): Promise<void> {
  const request = http.request(url, options);
  request.end(body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  await once(response, 'end');
}

/** What happens, and how many spans come of it. */
const scenarios: Record<string, [spans: number, act: (base: string, port: number) => Promise<void>]> = {
  'GET 200': [2, (base) => get(`${base}/orders?page=2&q=a%20b`, { headers: { 'user-agent': 'probe/1' } })],
  'GET 404': [2, (base) => get(`${base}/404`)],
  'GET 500': [2, (base) => get(`${base}/500`)],
  POST: [2, (base) => get(`${base}/orders`, { method: 'POST' }, 'body')],
  'unknown method': [2, (base) => get(`${base}/`, { method: 'PROPFIND' })],
  'secret in the query': [2, (base) => get(`${base}/?token=s3cr3t&sig=s3cr3t`)],
  'user and password': [2, (base) => get(`${base.replace('//', '//ada:pw@')}/`)],
  'keep-alive': [4, keepAlive],
  outgoing: [4, (base) => get(`${base}/relay`)],
  'abort by the client': [1, (_base, port) => abort(port)],
  'refused connection': [1, () => get('http://127.0.0.1:1/').catch(() => {})],
  'forwarded request': [
    2,
    (base) =>
      get(`${base}/`, { headers: { 'x-forwarded-for': '10.1.2.3', 'x-forwarded-host': 'shop.example' } }),
  ],
};

async function keepAlive(base: string): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  await get(`${base}/1`, { agent });
  await get(`${base}/2`, { agent });
  agent.destroy();
}

async function abort(port: number): Promise<void> {
  const wire = await connect(port);
  await wire.send('GET /never HTTP/1.1\r\nHost: a\r\n\r\n');
  await sleep(20);
  wire.socket.destroy();
}

/** One flat fact a line: `GET 200 · server GET /orders · url.path` is `/orders`. */
type Facts = Record<string, unknown>;

async function factsOf(instrumentations: () => Instrumentation[]): Promise<Facts> {
  const facts: Facts = {};
  for (const [name, [count, act]] of Object.entries(scenarios)) {
    const observed = observe(instrumentations());
    const running = await listen(routes);
    await act(`http://127.0.0.1:${running.port}`, running.port);
    await observed.ended(count);
    await sleep(10);
    await running.close();
    const known = (value: unknown): unknown =>
      value === running.port
        ? 'PORT'
        : typeof value === 'string'
          ? value.replaceAll(String(running.port), 'PORT')
          : value;
    describeSpans(observed, name, known, facts);
    for (const side of ['server', 'client']) await describePoints(observed, name, side, known, facts);
    await observed.stop();
  }
  return facts;
}

function describeSpans(
  observed: Observed,
  scenario: string,
  known: (value: unknown) => unknown,
  facts: Facts,
): void {
  const labels = new Map(observed.spans.map((span) => [span.spanContext().spanId, labelOf(span)]));
  facts[`${scenario} · spans`] = [...labels.values()].sort().join(', ');
  for (const span of observed.spans) {
    const at = `${scenario} · ${labelOf(span)}`;
    facts[`${at} · parent`] = labels.get(span.parentSpanContext?.spanId as string);
    facts[`${at} · name`] = span.name;
    facts[`${at} · status`] = SpanStatusCode[span.status.code];
    facts[`${at} · status message`] = span.status.message;
    facts[`${at} · events`] = span.events.map((event) => event.name).join(', ');
    for (const [key, value] of Object.entries(span.attributes)) {
      // Another time in every run: the official one makes spans of it, by `instrumentation-net` and `-dns`.
      if (key === 'sonde.connect_ms') continue;
      const isEphemeral = key === 'network.peer.port' && span.kind === SpanKind.SERVER;
      facts[`${at} · ${key}`] = isEphemeral ? 'ephemeral' : known(value);
    }
  }
}

function labelOf({ kind, attributes }: ReadableSpan): string {
  const path = attributes['url.path'] ?? new URL(String(attributes['url.full'])).pathname;
  return `${SpanKind[kind].toLowerCase()} ${path}`;
}

async function describePoints(
  observed: Observed,
  scenario: string,
  side: string,
  known: (value: unknown) => unknown,
  facts: Facts,
): Promise<void> {
  const points = await observed.points(`http.${side}.request.duration`);
  const texts = points.map(({ attributes, count }) => {
    const pairs = Object.entries(attributes).map(([key, value]) => `${key}=${known(value)}`);
    return `${count} × ${pairs.sort().join(' ')}`;
  });
  facts[`${scenario} · ${side} durations`] = texts.sort().join(', ');
}

describe('HTTP beside @opentelemetry/instrumentation-http', () => {
  it('says the same, but for what is listed with its reason', async () => {
    const theirs = await factsOf(() => [official()]);
    const ours = await factsOf(() => [httpServer(), httpClient()]);
    const found: Facts = {};
    for (const where of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
      if (theirs[where] !== ours[where]) found[where] = [theirs[where], ours[where]];
    }
    const listed = Object.fromEntries(differences.map(([where, before, now]) => [where, [before, now]]));
    expect(found).to.deep.equal(listed);
  }).timeout(20_000);
});
