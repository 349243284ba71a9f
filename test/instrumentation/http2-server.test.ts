import http2, { type ClientHttp2Session, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { setRoute } from '../../instrumentation/framework.ts';
import { http2Server } from '../../instrumentation/http2-server.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';

describe('HTTP/2 server', () => {
  let observed: Observed;
  let server: Http2Server;
  let client: ClientHttp2Session;
  let records: LogRecord[];
  let before: ReturnType<typeof setSinks>;

  async function serve(prepare: (server: Http2Server) => void, options: ObservedOptions = {}): Promise<void> {
    records = [];
    before = setSinks([(record) => void records.push(record)]);
    const given = { accessLog: { mode: 'on' }, ignorePaths: ['/healthz'], ...options } as const;
    observed = observe([http2Server()], given);
    server = http2.createServer();
    prepare(server);
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  afterEach(async () => {
    setSinks(before);
    client.close();
    await new Promise((done) => server.close(done));
    await observed.stop();
  });

  function ask(headers: Record<string, string>, body?: string): Promise<Record<string, unknown>> {
    const stream = client.request({ ':path': '/', 'x-correlation-id': 'order-7', ...headers });
    let answer: Record<string, unknown> = {};
    stream.on('response', (sent) => {
      answer = sent;
    });
    stream.resume().end(body);
    return new Promise((done) => stream.on('close', () => done(answer)));
  }

  const ways: Record<string, (server: Http2Server, seen: unknown[]) => void> = {
    'the compatibility API': (target, seen) =>
      target.on('request', (request, response) => {
        const note = () => void seen.push(stampOf(activeContext()).correlationId);
        note();
        setRoute(request as never, '/orders/:id');
        request.on('data', note).on('end', () => {
          note();
          response.statusCode = request.url.includes('bad') ? 503 : 201;
          response.end('ok');
        });
      }),
    streams: (target, seen) =>
      target.on('stream', (stream, headers) => {
        const note = () => void seen.push(stampOf(activeContext()).correlationId);
        note();
        stream.on('data', note).on('end', () => {
          note();
          stream.respond({ ':status': headers[':path']?.includes('bad') ? 503 : 201 });
          stream.end('ok');
        });
      }),
  };

  for (const [name, listen] of Object.entries(ways)) {
    it(`by ${name}: one span, one duration, one access record, the id in, through and out (A27, A52)`, async () => {
      const seen: unknown[] = [];
      await serve((target) => listen(target, seen));
      const answer = await ask({ ':method': 'POST', ':path': '/orders/7?token=hunter2' }, 'body');
      expect(answer).to.include({ ':status': 201, 'x-correlation-id': 'order-7' });
      expect(new Set(seen)).to.deep.equal(new Set(['order-7']));
      const [span] = await observed.ended(1);
      const route = name === 'streams' ? undefined : '/orders/:id';
      expect(span?.name).to.equal(route === undefined ? 'POST' : `POST ${route}`);
      expect(span?.attributes).to.include({
        'http.request.method': 'POST',
        'url.path': '/orders/7',
        'url.query': 'token=REDACTED',
        'url.scheme': 'http',
        'server.address': '127.0.0.1',
        'network.protocol.version': '2',
        'network.peer.address': '127.0.0.1',
        'http.response.status_code': 201,
      });
      expect((await observed.points('http.server.request.duration')).map(({ count }) => count)).to.deep.equal(
        [1],
      );
      expect(records.map(({ logger, message }) => `${logger} ${message}`)).to.deep.equal([
        'access POST /orders/7 201',
      ]);
    });

    it(`by ${name}: a 5xx is an error, told once`, async () => {
      await serve((target) => listen(target, []));
      await ask({ ':path': '/bad' });
      const [span] = await observed.ended(1);
      expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
      expect(records.map(({ logger, level }) => `${logger} ${level}`)).to.deep.equal([
        'sonde.request ERROR',
        'access INFO',
      ]);
    });
  }

  for (const [name, listen] of Object.entries(ways)) {
    it(`by ${name}: answers 400 on option to a host that is not allowed, told once (A51, A70)`, async () => {
      const seen: unknown[] = [];
      const security = { allowedHosts: ['shop.example'], rejectHosts: true };
      await serve((target) => listen(target, seen), { security });
      const answer = await ask(
        { ':method': 'POST', ':path': '/orders', ':authority': 'evil.example' },
        'body',
      );
      expect(answer).to.include({ ':status': 400, 'x-correlation-id': 'order-7' });
      expect(seen).to.deep.equal([]);
      await ask({ ':path': '/bad', ':authority': 'shop.example' });
      const [rejected] = await observed.ended(2);
      expect(rejected?.attributes).to.include({ 'http.response.status_code': 400 });
      expect(records.map(({ logger, message }) => `${logger} ${message.slice(0, 19)}`)).to.deep.equal([
        'sonde.security.DisallowedHost Invalid Host header',
        'access POST /orders 400',
        'sonde.request Service Unavailable',
        'access GET /bad 503',
      ]);
    });
  }

  for (const own of [{}, { 'Server-Timing': 'db;dur=53' }, ['Server-Timing', 'db;dur=53']]) {
    it(`tells its trace in Server-Timing on option, beside ${JSON.stringify(own)} of the app`, async () => {
      const listen = (target: Http2Server) =>
        target.on('stream', (stream) => stream.respond(own as never, { endStream: true }));
      await serve(listen, { http: { serverTiming: true } });
      const answer = await ask({});
      const [span] = await observed.ended(1);
      const { traceId, spanId } = span!.spanContext();
      const trace = `traceparent;desc="00-${traceId}-${spanId}-01"`;
      const isOwn = Object.keys(own).length > 0;
      expect(answer['server-timing']).to.equal(isOwn ? `db;dur=53, ${trace}` : trace);
      expect(answer['x-correlation-id']).to.equal('order-7');
    });
  }

  it('keeps requests of one session apart, and continues the trace of each caller', async () => {
    await serve((target) =>
      target.on('request', async (request, response) => {
        await new Promise((done) => setTimeout(done, Math.random() * 10));
        response.end(String(stampOf(activeContext()).correlationId === request.headers['x-correlation-id']));
      }),
    );
    const traceIds = ['1', '2', '3', '4'].map((digit) => digit.repeat(32));
    await Promise.all(
      traceIds.map((traceId) =>
        ask({ 'x-correlation-id': traceId, traceparent: `00-${traceId}-b7ad6b7169203331-01` }),
      ),
    );
    const spans = await observed.ended(4);
    expect(spans.map((span) => span.spanContext().traceId).sort()).to.deep.equal(traceIds);
  });

  it('tells of a stream that its caller cancels', async () => {
    await serve((target) => target.on('stream', () => {}));
    const stream = client.request({ ':path': '/slow' });
    await new Promise<void>((done) => server.once('stream', () => done()));
    stream.close(http2.constants.NGHTTP2_CANCEL);
    const [span] = await observed.ended(1);
    expect(span?.attributes['error.type']).to.equal('aborted');
    expect(records.at(-1)?.fields).to.include({ aborted: true });
  });

  it('leaves calls of gRPC to those who know it', async () => {
    await serve((target) =>
      target.on('stream', (stream) => stream.respond({ ':status': 200 }, { endStream: true })),
    );
    await ask({ ':method': 'POST', ':path': '/shop.Orders/Get', 'content-type': 'application/grpc+proto' });
    await ask({ ':path': '/' });
    expect((await observed.ended(1)).map(({ attributes }) => attributes['url.path'])).to.deep.equal(['/']);
  });

  it('ignores the paths that are ignored, and leaves the header of the app alone', async () => {
    await serve((target) =>
      target.on('request', (_request, response) => {
        response.setHeader('X-Correlation-ID', 'own');
        response.end('ok');
      }),
    );
    expect(await ask({ ':path': '/healthz' })).to.include({ 'x-correlation-id': 'own' });
    expect(await ask({ ':path': '/' })).to.include({ 'x-correlation-id': 'own' });
    expect(await observed.ended(1)).to.have.length(1);
  });
});
