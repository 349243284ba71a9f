import http, { type ClientRequest, type RequestOptions } from 'node:http';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { suppressTracing } from '@opentelemetry/core';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { httpClient } from '../../instrumentation/http-client.ts';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { withCorrelation } from '../../src/context/correlation.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { listen, type Running } from '../support/raw-http.ts';

const duration = 'http.client.request.duration';

describe('HTTP client', () => {
  let observed: Observed;
  let running: Running;
  let received: string[][];

  async function start(listener?: http.RequestListener, options?: ObservedOptions): Promise<void> {
    observed = observe([httpClient()], options);
    received = [];
    running = await listen((request, response) => {
      const { rawHeaders } = request;
      received.push(rawHeaders.flatMap((name, at) => (at % 2 ? [] : [`${name}: ${rawHeaders[at + 1]}`])));
      if (listener) listener(request, response);
      else response.end('ok');
    });
  }

  afterEach(async () => {
    await running.close();
    await observed.stop();
  });

  /** Sends it, reads the answer to its end, and waits for whatever comes of it. */
  function finished(request: ClientRequest): Promise<Error | undefined> {
    return new Promise((done) => {
      let failure: Error | undefined;
      request.on('error', (error) => {
        failure = error;
      });
      request.on('response', (response) => {
        response.on('error', (error) => {
          failure = error;
        });
        response.resume();
      });
      request.on('close', () => setImmediate(() => done(failure)));
    });
  }

  async function get(options: RequestOptions | string): Promise<ReadableSpan> {
    const request =
      typeof options === 'string' ? http.get(options) : http.get({ port: running.port, ...options });
    await finished(request);
    return (await observed.ended(1))[0]!;
  }

  const inUnit = <T>(fn: () => T): T =>
    runIn(withCorrelation(rootContext, { id: 'abc-1', requestId: undefined, attributes: {} }), fn);

  function sent(name: string): string[] {
    return received.flat().filter((line) => line.toLowerCase().startsWith(`${name}:`));
  }

  describe('describes a request', () => {
    it('by the stable semantic conventions, without user, password and secrets', async () => {
      await start();
      const span = await get(`http://ada:pw@127.0.0.1:${running.port}/orders?page=2&api_key=s3cr3t`);
      expect(span.name).to.equal('GET');
      expect(span.kind).to.equal(SpanKind.CLIENT);
      const { 'sonde.connect_ms': connectMillis, ...attributes } = span.attributes;
      expect(connectMillis).to.be.a('number');
      expect(attributes).to.deep.equal({
        'http.request.method': 'GET',
        'server.address': '127.0.0.1',
        'server.port': running.port,
        'url.full': `http://127.0.0.1:${running.port}/orders?page=2&api_key=REDACTED`,
        'http.response.status_code': 200,
        'network.protocol.version': '1.1',
        'network.peer.address': '127.0.0.1',
        'network.peer.port': running.port,
      });
      expect(await observed.points(duration)).to.deep.equal([
        {
          attributes: {
            'http.request.method': 'GET',
            'http.response.status_code': 200,
            'network.protocol.version': '1.1',
            'server.address': '127.0.0.1',
            'server.port': running.port,
          },
          count: 1,
        },
      ]);
    });

    for (const status of [404, 500]) {
      it(`with status ${status} as an error`, async () => {
        await start((_request, response) => response.writeHead(status).end());
        const span = await get({});
        expect(span.status.code).to.equal(SpanStatusCode.ERROR);
        expect(span.attributes['error.type']).to.equal(String(status));
        expect((await observed.points(duration))[0]!.attributes['error.type']).to.equal(String(status));
      });
    }

    it('to its last byte', async () => {
      await start((_request, response) => {
        response.write('a');
        setTimeout(() => response.end('b'), 50);
      });
      const span = await get({});
      expect(span.duration[0] * 1e9 + span.duration[1]).to.be.above(40e6);
    });

    it('with the port of the socket when the Host header is the app’s', async () => {
      await start();
      const span = await get({ headers: { host: 'shop.example' } });
      expect((await observed.points(duration))[0]!.attributes['server.port']).to.equal(running.port);
      expect(span.attributes['server.address']).to.equal('localhost');
    });

    it('that switches protocols with its status', async () => {
      await start();
      running.server.on('upgrade', (_request, socket) => {
        socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
      });
      const request = http.get({ port: running.port, headers: { connection: 'Upgrade', upgrade: 'x' } });
      request.on('upgrade', (_response, socket) => socket.destroy());
      await finished(request);
      const [span] = await observed.ended(1);
      expect(span!.attributes['http.response.status_code']).to.equal(101);
      expect(span!.status.code).to.equal(SpanStatusCode.UNSET);
    });

    it('whose body nobody reads, when its socket closes', async () => {
      await start();
      await new Promise((done) => http.get({ port: running.port, agent: false }, () => done(undefined)));
      running.server.closeAllConnections();
      expect(await observed.ended(1)).to.have.length(1);
    });
  });

  describe('that fails', () => {
    const failures: Record<
      string,
      { type: string; request: () => ClientRequest; listener?: http.RequestListener }
    > = {
      'for an unknown host': {
        type: 'ENOTFOUND',
        request: () =>
          http.get({ host: 'nowhere.invalid', lookup: (_host, _options, done) => done(notFound(), '') }),
      },
      'for a closed port': { type: 'ECONNREFUSED', request: () => http.get({ port: 1, host: '127.0.0.1' }) },
      'by a hang-up': {
        type: 'ECONNRESET',
        request: () => http.get({ port: running.port }),
        listener: (request) => void request.socket.destroy(),
      },
      'by a cut in the body': {
        type: 'aborted',
        request: () => http.get({ port: running.port }),
        listener: (request, response) => {
          response.writeHead(200, { 'content-length': '100' });
          response.write('part');
          setTimeout(() => request.socket.destroy(), 10);
        },
      },
      'by a timeout of the app': {
        type: 'TimeoutError',
        request: () => {
          const request = http.get({ port: running.port, timeout: 10 });
          return request.on('timeout', () => {
            request.destroy(Object.assign(new Error('too slow'), { name: 'TimeoutError' }));
          });
        },
        listener: () => {},
      },
      'by an AbortSignal': {
        type: 'ABORT_ERR',
        request: () => http.get({ port: running.port, signal: AbortSignal.timeout(10) }),
        listener: () => {},
      },
    };
    for (const [name, { type, request, listener }] of Object.entries(failures)) {
      it(`${name} ends once, as ${type}`, async () => {
        await start(listener);
        expect(await finished(request())).to.be.an('error');
        const spans = await observed.ended(1);
        expect(spans).to.have.length(1);
        expect(spans[0]!.status.code).to.equal(SpanStatusCode.ERROR);
        expect(spans[0]!.attributes['error.type']).to.equal(type);
        const points = await observed.points(duration);
        expect(points.map((point) => [point.attributes['error.type'], point.count])).to.deep.equal([
          [type, 1],
        ]);
      });
    }
  });

  function notFound(): NodeJS.ErrnoException {
    return Object.assign(new Error('getaddrinfo ENOTFOUND nowhere.invalid'), { code: 'ENOTFOUND' });
  }

  describe('carries the context onward', () => {
    const forms: Record<string, () => ClientRequest> = {
      'no headers': () => http.get({ port: running.port }),
      'an object': () => http.get({ port: running.port, headers: { a: '1' } }),
      'a flat array': () => http.get({ port: running.port, headers: ['Host', 'localhost', 'A', '1'] }),
      'nested arrays': () => http.get({ port: running.port, headers: [['Host', 'localhost']] as never }),
      'a Map': () => {
        const request = http.request({ port: running.port });
        request.setHeaders(new Map([['A', '1']]));
        request.end();
        return request;
      },
      setHeader: () => http.request({ port: running.port }).setHeader('A', '1').end() as ClientRequest,
      flushHeaders: () => {
        const request = http.request({ port: running.port, method: 'POST' });
        request.flushHeaders();
        return request.end('x');
      },
      'an Expect header': () => {
        const request = http.request({
          port: running.port,
          method: 'POST',
          headers: { expect: '100-continue' },
        });
        request.on('continue', () => request.end('x'));
        return request;
      },
      'a body in pieces': () => {
        const request = http.request({ port: running.port, method: 'POST' });
        request.write('x');
        return request.end('y');
      },
      'no agent': () => http.get({ port: running.port, agent: false }),
    };
    for (const [name, request] of Object.entries(forms)) {
      it(`exactly once with ${name}`, async () => {
        await start();
        await finished(inUnit(request));
        const [span] = await observed.ended(1);
        const { traceId, spanId } = span!.spanContext();
        expect(sent('x-correlation-id')).to.deep.equal(['X-Correlation-ID: abc-1']);
        expect(sent('traceparent').map((line) => line.slice(0, -2))).to.deep.equal([
          `traceparent: 00-${traceId}-${spanId}-`,
        ]);
      });
    }

    const own: Record<string, RequestOptions['headers']> = {
      'an object': { 'x-correlation-Id': 'mine', Traceparent: 'mine' },
      'a flat array': ['Host', 'localhost', 'X-CORRELATION-ID', 'mine', 'traceparent', 'mine'],
      'nested arrays': [
        ['Host', 'localhost'],
        ['X-Correlation-ID', 'mine'],
        ['traceparent', 'mine'],
      ] as never,
    };
    for (const [name, headers] of Object.entries(own)) {
      it(`never over what the app set in ${name}`, async () => {
        await start();
        await finished(inUnit(() => http.get({ port: running.port, headers })));
        for (const header of ['x-correlation-id', 'traceparent']) {
          expect(sent(header)).to.have.length(1);
          expect(sent(header)[0]).to.match(/: mine$/);
        }
      });
    }

    it('without a correlation id and baggage to a host outside the house', async () => {
      await start();
      const options = { host: 'shop.example', port: running.port, lookup: loopback };
      await finished(inUnit(() => http.get(options)));
      expect(sent('x-correlation-id')).to.deep.equal([]);
      expect(sent('traceparent')).to.have.length(1);
    });

    it('not at all for OTEL_PROPAGATORS=none', async () => {
      await start(undefined, { propagators: [] });
      await finished(inUnit(() => http.get({ port: running.port })));
      expect(sent('traceparent').concat(sent('x-correlation-id'))).to.deep.equal([]);
    });
  });

  function loopback(_host: string, options: any, done: (...args: any[]) => void): void {
    if (options.all) done(null, [{ address: '127.0.0.1', family: 4 }]);
    else done(null, '127.0.0.1', 4);
  }

  it('never observes the traffic of exporters: no span, no metric, no header', async () => {
    await start();
    const request = runIn(suppressTracing(activeContext()), () =>
      http.request({ port: running.port, method: 'POST' }),
    );
    // Whoever ends it elsewhere does not bring it to light.
    request.end('telemetry');
    await finished(request);
    const array = runIn(suppressTracing(activeContext()), () =>
      http.get({ port: running.port, headers: ['Host', 'localhost'] }),
    );
    await finished(array);
    expect(received).to.have.length(2);
    expect(sent('traceparent')).to.deep.equal([]);
    expect(observed.spans).to.deep.equal([]);
    expect(await observed.points(duration)).to.deep.equal([]);
  });

  it('is a child of the work that asked', async () => {
    await start();
    const tracer = observed.provider.getTracer('app');
    await tracer.startActiveSpan('work', async (work) => {
      await finished(http.get({ port: running.port }));
      work.end();
    });
    const [client, work] = await observed.ended(2);
    expect(client!.parentSpanContext?.spanId).to.equal(work!.spanContext().spanId);
  });
});
