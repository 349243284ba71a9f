import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import { expect } from 'chai';
import * as undici from 'undici';
import { fetchClient } from '../../instrumentation/fetch.ts';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { stampOf, withCorrelation } from '../../src/context/correlation.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { listen, type Running } from '../support/raw-http.ts';

const duration = 'http.client.request.duration';

describe('fetch and undici', () => {
  let observed: Observed;
  let running: Running;
  let received: string[];
  let base: string;

  async function start(listener?: RequestListener, options?: ObservedOptions): Promise<void> {
    observed = observe([fetchClient()], options);
    received = [];
    running = await listen((request, response) => {
      const { rawHeaders } = request;
      for (let at = 0; at < rawHeaders.length; at += 2)
        received.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
      if (listener) listener(request, response);
      else response.end('ok');
    });
    base = `http://127.0.0.1:${running.port}`;
  }

  afterEach(async () => {
    await running.close();
    await observed.stop();
  });

  const inUnit = <T>(id: string, fn: () => T): T =>
    runIn(withCorrelation(rootContext, { id, requestId: undefined, attributes: {} }), fn);

  function sent(name: string): string[] {
    return received.filter((line) => line.toLowerCase().startsWith(`${name}:`));
  }

  it('describe a request by the stable semantic conventions, without secrets', async () => {
    await start();
    await (await fetch(`${base}/orders?page=2&token=s3cr3t`)).text();
    const [span] = await observed.ended(1);
    expect(span!.name).to.equal('GET');
    expect(span!.kind).to.equal(SpanKind.CLIENT);
    const { 'sonde.connect_ms': opening, ...attributes } = span!.attributes;
    expect(opening).to.be.a('number');
    expect(attributes).to.deep.equal({
      'http.request.method': 'GET',
      'server.address': '127.0.0.1',
      'server.port': running.port,
      'network.peer.address': '127.0.0.1',
      'network.peer.port': running.port,
      'url.full': `${base}/orders?page=2&token=REDACTED`,
      'http.response.status_code': 200,
    });
    expect(await observed.points(duration)).to.deep.equal([
      {
        attributes: {
          'http.request.method': 'GET',
          'http.response.status_code': 200,
          'server.address': '127.0.0.1',
          'server.port': running.port,
        },
        count: 1,
      },
    ]);
  });

  it('say how long a new connection took, on the request that waited for it alone', async () => {
    await start();
    const agent = new undici.Agent({ connections: 1, connect: { family: 4 } });
    for (let turn = 0; turn < 2; turn++) {
      const { body } = await undici.request(`http://localhost:${running.port}`, { dispatcher: agent });
      await body.text();
    }
    await agent.close();
    const [first, second] = await observed.ended(2);
    expect(first!.attributes).to.include.all.keys('sonde.dns_ms', 'sonde.connect_ms');
    expect(second!.attributes).to.not.have.any.keys('sonde.dns_ms', 'sonde.connect_ms');
  });

  it('mark 404 and 500 as errors', async () => {
    await start((request, response) => response.writeHead(Number(request.url!.slice(1))).end());
    await (await fetch(`${base}/404`)).text();
    await (await fetch(`${base}/500`)).text();
    const spans = await observed.ended(2);
    expect(spans.map((span) => span.attributes['error.type'])).to.deep.equal(['404', '500']);
    expect(spans.map((span) => span.status.code)).to.deep.equal([SpanStatusCode.ERROR, SpanStatusCode.ERROR]);
  });

  describe('carry the context onward exactly once', () => {
    const forms: Record<string, () => Promise<unknown>> = {
      'without headers': () => fetch(base),
      'with an object': () => fetch(base, { headers: { a: '1' } }),
      'with nested arrays': () => fetch(base, { headers: [['a', '1']] }),
      'with a Map': () => fetch(base, { headers: new Map([['a', '1']]) as never }),
      'with Headers': () => fetch(base, { headers: new Headers({ a: '1' }) }),
      'with a Request': () => fetch(new Request(base, { headers: { a: '1' } })),
      'with a stream for a body': () =>
        fetch(base, { method: 'POST', body: new Blob(['x']).stream(), duplex: 'half' } as never),
      'from the package, with an object': () => undici.request(base, { headers: { a: '1' } }),
      'from the package, with a flat array': () => undici.request(base, { headers: ['a', '1'] }),
      'from the package, with a Map': () => undici.request(base, { headers: new Map([['a', '1']]) as never }),
      'from the fetch of the package': () => undici.fetch(base),
    };
    for (const [name, ask] of Object.entries(forms)) {
      it(name, async () => {
        await start();
        await inUnit('abc-1', ask);
        const [span] = await observed.ended(1);
        const { traceId, spanId } = span!.spanContext();
        expect(sent('x-correlation-id')).to.deep.equal(['X-Correlation-ID: abc-1']);
        expect(sent('traceparent').map((line) => line.slice(0, -2))).to.deep.equal([
          `traceparent: 00-${traceId}-${spanId}-`,
        ]);
      });
    }

    it('never over what the app set', async () => {
      await start();
      const headers = { 'X-CORRELATION-id': 'mine', TraceParent: 'mine' };
      await inUnit('abc-1', () => fetch(base, { headers }));
      await inUnit('abc-1', () => undici.request(base, { headers }));
      for (const name of ['x-correlation-id', 'traceparent']) {
        expect(sent(name)).to.have.length(2);
        for (const line of sent(name)) expect(line).to.match(/: mine$/);
      }
    });

    it('on each hop of a redirect, as siblings', async () => {
      await start((request, response) => {
        if (request.url === '/') response.writeHead(302, { location: '/there' });
        response.end();
      });
      await observed.provider.getTracer('app').startActiveSpan('work', async (work) => {
        await (await fetch(base)).text();
        work.end();
      });
      const [first, second, work] = await observed.ended(3);
      expect([first!.parentSpanContext?.spanId, second!.parentSpanContext?.spanId]).to.deep.equal([
        work!.spanContext().spanId,
        work!.spanContext().spanId,
      ]);
    });
  });

  describe('end the span once', () => {
    const cut: RequestListener = (request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('part');
      setTimeout(() => request.socket.destroy(), 10);
    };
    const large: RequestListener = (_request, response) => {
      response.write('x'.repeat(500_000));
      setTimeout(() => response.end('x'.repeat(500_000)), 20);
    };
    const cases: Record<string, { listener?: RequestListener; type?: string; ask: () => Promise<unknown> }> =
      {
        'with the last byte': { ask: async () => (await fetch(base)).text() },
        'of a body that is small and not read': { ask: () => fetch(base) },
        'of a HEAD': { ask: () => fetch(base, { method: 'HEAD' }) },
        'of a body that is cut': {
          listener: cut,
          type: 'UND_ERR_SOCKET',
          ask: async () => (await fetch(base)).text(),
        },
        'of a body that is cancelled': {
          listener: large,
          type: 'AbortError',
          ask: async () => (await fetch(base)).body?.cancel(),
        },
        'of a request that times out': {
          listener: () => {},
          type: 'TimeoutError',
          ask: () => fetch(base, { signal: AbortSignal.timeout(20) }),
        },
        'of a refused connection': { type: 'ECONNREFUSED', ask: () => refused() },
      };
    for (const [name, { listener, type, ask }] of Object.entries(cases)) {
      it(name, async () => {
        await start(listener);
        await ask().catch(() => {});
        await observed.ended(1);
        await sleep(30);
        expect(observed.spans).to.have.length(1);
        expect(observed.spans[0]!.attributes['error.type']).to.equal(type);
        const points = await observed.points(duration);
        expect(points.map((point) => [point.attributes['error.type'], point.count])).to.deep.equal([
          [type, 1],
        ]);
      });
    }

    /** A port that was free a moment ago. */
    async function refused(): Promise<unknown> {
      const gone = await listen(() => {});
      await gone.close();
      return fetch(`http://127.0.0.1:${gone.port}/`);
    }

    it('of an upgrade, with the handshake', async () => {
      await start();
      running.server.on('upgrade', (_request, socket) => {
        socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
        socket.resume();
      });
      const { socket } = await undici.upgrade(base, { protocol: 'x' });
      const [span] = await observed.ended(1);
      expect(span!.attributes['http.response.status_code']).to.equal(101);
      expect(span!.status.code).to.equal(SpanStatusCode.UNSET);
      socket.destroy();
    });
  });

  it('end the span of a WebSocket with its handshake', async () => {
    await start();
    running.server.on('upgrade', (request, socket) => {
      const secret = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
      const accept = createHash('sha1').update(secret).digest('base64');
      const head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket`;
      socket.write(`${head}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      socket.resume();
    });
    const socket = new WebSocket(base.replace('http', 'ws'));
    await new Promise((done) => socket.addEventListener('open', done));
    const [span] = await observed.ended(1);
    expect(span!.attributes['http.response.status_code']).to.equal(101);
    socket.close();
  });

  it('hand what a pooled socket brings to each caller in its own context', async () => {
    await start((_request, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 5);
    });
    const pool = new undici.Pool(base, { connections: 1 });
    for (const id of ['id-1', 'id-2', 'id-3']) {
      const found = await inUnit(id, async () => {
        const ids = new Set<string | undefined>();
        const see = (): void => void ids.add(stampOf(activeContext()).correlationId);
        const { body } = await pool.request({ path: '/', method: 'GET' });
        see();
        await new Promise<void>((done) => {
          body.on('data', see);
          body.on('close', see);
          body.on('end', () => {
            see();
            setImmediate(() => {
              see();
              done();
            });
          });
        });
        return ids;
      });
      expect([...found]).to.deep.equal([id]);
    }
    await pool.close();
  });

  it('never observe the traffic of exporters: no span, no metric, no header', async () => {
    await start();
    await runIn(suppressTracing(activeContext()), async () => (await fetch(base)).text());
    expect(received.length).to.be.above(0);
    expect(sent('traceparent')).to.deep.equal([]);
    expect(observed.spans).to.deep.equal([]);
    expect(await observed.points(duration)).to.deep.equal([]);
  });

  it('are left alone once disabled', async () => {
    await start();
    await observed.stop();
    await (await fetch(base)).text();
    expect(observed.spans).to.deep.equal([]);
  });
});
