import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { AlwaysOffSampler, type ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { setRoute } from '../../instrumentation/framework.ts';
import { httpServer } from '../../instrumentation/http-server.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { ownPaths, ownServer } from '../../src/own-servers.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { connect, headerLines, listen, type Running, rawRequest } from '../support/raw-http.ts';

// By a name that is no literal: whether it has types depends on what else is installed.
const { default: express } = await import('express' as string);

const duration = 'http.server.request.duration';

describe('HTTP server', () => {
  let observed: Observed;
  let running: Running;

  async function serve(listener: RequestListener | http.Server, options?: ObservedOptions): Promise<void> {
    observed = observe([httpServer()], options);
    running = await listen(listener);
  }

  afterEach(async () => {
    await running.close();
    await observed.stop();
  });

  const ok: RequestListener = (_request, response) => void response.end('ok');

  async function spanOf(head: string): Promise<ReadableSpan> {
    await rawRequest(running.port, head);
    const [span] = await observed.ended(1);
    return span!;
  }

  describe('describes a request', () => {
    it('by the stable semantic conventions', async () => {
      await serve(ok);
      const span = await spanOf('GET /orders/7?page=2&token=s3cr3t HTTP/1.1\r\nUser-Agent: probe/1');
      expect(span.name).to.equal('GET');
      expect(span.kind).to.equal(SpanKind.SERVER);
      expect(span.status.code).to.equal(SpanStatusCode.UNSET);
      const { 'network.peer.port': peerPort, ...attributes } = span.attributes;
      expect(peerPort).to.be.a('number');
      expect(attributes).to.deep.equal({
        'http.request.method': 'GET',
        'url.path': '/orders/7',
        'url.query': 'page=2&token=REDACTED',
        'url.scheme': 'http',
        'server.address': '127.0.0.1',
        'server.port': running.port,
        'client.address': '127.0.0.1',
        'network.peer.address': '127.0.0.1',
        'network.protocol.version': '1.1',
        'user_agent.original': 'probe/1',
        'http.response.status_code': 200,
      });
    });

    it('without leaking a name that the configuration calls secret', async () => {
      await serve(ok, { redactKeys: ['tax_number'] });
      const span = await spanOf('GET /?taxNumber=123 HTTP/1.1');
      expect(span.attributes['url.query']).to.equal('taxNumber=REDACTED');
    });

    it('within the limits of the configuration', async () => {
      await serve(ok, { limits: { attributeValueLengthLimit: 3, attributeCountLimit: 4 } });
      const span = await spanOf('GET /orders/7 HTTP/1.1');
      expect(Object.keys(span.attributes)).to.have.length(4);
      expect(span.attributes['url.path']).to.equal('/or');
      expect(span.droppedAttributesCount).to.be.above(0);
    });

    it('by _OTHER when the method is not a known one', async () => {
      await serve(ok);
      const span = await spanOf('PROPFIND / HTTP/1.1');
      expect(span.name).to.equal('HTTP');
      expect(span.attributes).to.include({
        'http.request.method': '_OTHER',
        'http.request.method_original': 'PROPFIND',
      });
    });

    it('by the host and path of an absolute target, and by the socket when HTTP/1.0 names no host', async () => {
      await serve(ok);
      const wire = await connect(running.port);
      await wire.send('GET http://shop.example/a/b?x=1 HTTP/1.0\r\n\r\n');
      await wire.read(() => false);
      const [span] = await observed.ended(1);
      expect(span!.attributes).to.include({
        'url.path': '/a/b',
        'url.query': 'x=1',
        'server.address': '127.0.0.1',
        'server.port': running.port,
        'network.protocol.version': '1.0',
      });
    });

    it('by the default port where the Host header names none, and an IPv6 host without its brackets', async () => {
      await serve(ok);
      for (const [host, address, port] of [
        ['shop.example', 'shop.example', 80],
        ['[::1]:8080', '::1', 8080],
        ['[::1]', '::1', 80],
      ]) {
        observed.spans.length = 0;
        const wire = await connect(running.port);
        await wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        await wire.read(() => false);
        const [span] = await observed.ended(1);
        expect(span!.attributes).to.include({ 'server.address': address, 'server.port': port });
      }
    });

    it('with status 500 as an error, 404 as none', async () => {
      await serve((request, response) => {
        response.statusCode = Number(request.url?.slice(1));
        response.end();
      });
      await rawRequest(running.port, 'GET /500 HTTP/1.1');
      await rawRequest(running.port, 'GET /404 HTTP/1.1');
      const [failed, missing] = await observed.ended(2);
      expect(failed!.status.code).to.equal(SpanStatusCode.ERROR);
      expect(failed!.attributes).to.include({ 'error.type': '500', 'http.response.status_code': 500 });
      expect(missing!.status.code).to.equal(SpanStatusCode.UNSET);
      expect(missing!.attributes).not.to.have.property('error.type');
    });

    it('by its route, once a framework tells it', async () => {
      await serve((request, response) => {
        setRoute(request, '/orders/:id');
        response.end();
      });
      const span = await spanOf('GET /orders/7 HTTP/1.1');
      expect(span.name).to.equal('GET /orders/:id');
      expect(span.attributes['http.route']).to.equal('/orders/:id');
      const [point] = await observed.points(duration);
      expect(point!.attributes).to.deep.equal({
        'http.request.method': 'GET',
        'http.response.status_code': 200,
        'http.route': '/orders/:id',
        'network.protocol.version': '1.1',
        'url.scheme': 'http',
      });
    });

    it('by the route of Express, with the mount of its router', async () => {
      const app = express();
      const router = express.Router();
      router.get('/:id', (_request: unknown, response: ServerResponse) => void response.end('ok'));
      app.use('/orders', router);
      await serve(http.createServer(app));
      const span = await spanOf('GET /orders/7 HTTP/1.1');
      expect(span.name).to.equal('GET /orders/:id');
      const missing = await rawRequest(running.port, 'GET /nothing HTTP/1.1');
      expect(missing).to.match(/^HTTP\/1.1 404/);
      expect((await observed.ended(2))[1]!.name).to.equal('GET');
    });
  });

  describe('continues the trace of the caller', () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

    it('from traceparent', async () => {
      await serve(ok);
      const span = await spanOf(`GET / HTTP/1.1\r\ntraceparent: ${traceparent}`);
      expect(span.spanContext().traceId).to.equal('0af7651916cd43dd8448eb211c80319c');
      expect(span.parentSpanContext?.spanId).to.equal('b7ad6b7169203331');
    });

    it('and begins a new one when it is malformed', async () => {
      await serve(ok);
      const span = await spanOf('GET / HTTP/1.1\r\ntraceparent: 00-zz-b7ad6b7169203331-01');
      expect(span.parentSpanContext).to.equal(undefined);
    });
  });

  describe('unsampled', () => {
    it('does no attribute work, and still answers with an id and measures (A27)', async () => {
      await serve(ok, { sampler: new AlwaysOffSampler() });
      const seen: unknown[] = [];
      running.server.on('connection', (socket) => {
        // Reading the peer's address is attribute work.
        Object.defineProperty(socket, 'remoteAddress', { get: () => void seen.push('read') });
      });
      const wire = await connect(running.port);
      for (let turn = 1; turn <= 2; turn++) {
        await wire.send(`GET / HTTP/1.1\r\nHost: a\r\n\r\n`);
        await wire.read((text) => text.split('\r\n\r\nok').length > turn);
      }
      const text = await wire.read(() => true);
      wire.socket.destroy();
      expect(seen).to.deep.equal([]);
      expect(observed.spans).to.deep.equal([]);
      expect(headerLines(text, 'x-correlation-id')[0]).to.match(/^X-Correlation-ID: [0-9a-f]{32}$/);
      expect((await observed.points(duration))[0]!.count).to.equal(2);
    });
  });

  describe('measures', () => {
    it('one duration a request, whatever its end', async () => {
      await serve((request, response) => {
        response.statusCode = request.url === '/bad' ? 503 : 200;
        response.end();
      });
      await rawRequest(running.port, 'GET /a HTTP/1.1');
      await rawRequest(running.port, 'GET /b HTTP/1.1');
      await rawRequest(running.port, 'POST /bad HTTP/1.1\r\nContent-Length: 0');
      const points = await observed.points(duration);
      expect(points).to.deep.equal([
        {
          attributes: {
            'http.request.method': 'GET',
            'http.response.status_code': 200,
            'network.protocol.version': '1.1',
            'url.scheme': 'http',
          },
          count: 2,
        },
        {
          attributes: {
            'error.type': '503',
            'http.request.method': 'POST',
            'http.response.status_code': 503,
            'network.protocol.version': '1.1',
            'url.scheme': 'http',
          },
          count: 1,
        },
      ]);
    });
  });

  describe('ignored paths', () => {
    const ignorePaths = ['/healthz', '/static/*'];

    for (const target of ['/healthz', '/healthz/', '/healthz?full=1', '/static/app.js', 'http://a/healthz']) {
      it(`${target} has neither span nor metric, and no context`, async () => {
        const contexts: unknown[] = [];
        await serve(
          (_request, response) => {
            contexts.push(activeContext());
            response.end('ok');
          },
          { ignorePaths },
        );
        const text = await rawRequest(running.port, `GET ${target} HTTP/1.1`);
        expect(contexts).to.deep.equal([rootContext]);
        expect(observed.spans).to.deep.equal([]);
        expect(await observed.points(duration)).to.deep.equal([]);
        expect(headerLines(text, 'x-correlation-id')).to.deep.equal([]);
      });
    }

    it('are compared whole, not by their beginning', async () => {
      await serve(ok, { ignorePaths });
      await rawRequest(running.port, 'GET /healthzz HTTP/1.1');
      await rawRequest(running.port, 'GET /a/healthz HTTP/1.1');
      expect(await observed.ended(2)).to.have.length(2);
    });

    it("are those of a server of ours, too, and what we mount on the app's", async () => {
      await serve(ok);
      ownPaths(running.server, new Map([['/internal/metrics', true]]));
      await rawRequest(running.port, 'GET /internal/metrics?format=json HTTP/1.1');
      await rawRequest(running.port, 'GET /internal HTTP/1.1');
      expect((await observed.ended(1)).map(({ attributes }) => attributes['url.path'])).to.deep.equal([
        '/internal',
      ]);
      ownServer(running.server);
      await rawRequest(running.port, 'GET /anything HTTP/1.1');
      expect(observed.spans).to.have.length(1);
    });

    it('see nothing of the request before them on the same socket', async () => {
      const contexts: unknown[] = [];
      await serve(
        (request, response) => {
          request.on('end', () => contexts.push(stampOf(activeContext()).traceId));
          request.resume();
          response.end('ok');
        },
        { ignorePaths },
      );
      const wire = await connect(running.port);
      for (const [at, path] of ['/a', '/healthz', '/b'].entries()) {
        await wire.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
        await wire.read((text) => text.split('\r\n\r\nok').length > at + 1);
      }
      wire.socket.destroy();
      expect(contexts[0]).to.be.a('string');
      expect(contexts[1]).to.equal(undefined);
      expect(contexts[2]).to.be.a('string').and.not.equal(contexts[0]);
    });
  });

  describe('a request that is cut', () => {
    it('ends its span once with error.type, and is measured once', async () => {
      const closed = Promise.withResolvers<void>();
      await serve((_request, response) => void response.on('close', () => closed.resolve()));
      const wire = await connect(running.port);
      await wire.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
      await once(running.server, 'request');
      wire.socket.destroy();
      await closed.promise;
      const spans = await observed.ended(1);
      expect(spans).to.have.length(1);
      expect(spans[0]!.status.code).to.equal(SpanStatusCode.ERROR);
      expect(spans[0]!.attributes['error.type']).to.equal('aborted');
      expect(spans[0]!.attributes).not.to.have.property('http.response.status_code');
      const points = await observed.points(duration);
      expect(points.map((point) => [point.attributes['error.type'], point.count])).to.deep.equal([
        ['aborted', 1],
      ]);
    });

    it('after the first bytes of the response keeps its status', async () => {
      await serve((_request, response) => {
        response.writeHead(206);
        response.write('part');
      });
      const wire = await connect(running.port);
      await wire.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
      await wire.read((text) => text.includes('part'));
      wire.socket.destroy();
      const [span] = await observed.ended(1);
      expect(span!.attributes).to.include({ 'error.type': 'aborted', 'http.response.status_code': 206 });
    });

    it('ends the span of every pipelined request behind it', async () => {
      await serve(() => {});
      const wire = await connect(running.port);
      await wire.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(3));
      await once(running.server, 'request');
      await new Promise((done) => setTimeout(done, 20));
      wire.socket.destroy();
      const spans = await observed.ended(3);
      expect(spans).to.have.length(3);
      expect((await observed.points(duration))[0]!.count).to.equal(3);
    });

    it('by the app names the error of the app', async () => {
      await serve((_request, response) => void response.destroy(new TypeError('broken')));
      const span = await spanOf('GET / HTTP/1.1');
      expect(span.attributes['error.type']).to.equal('TypeError');
    });
  });

  describe('expectations', () => {
    const head = 'POST / HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue';

    it('100-continue is one span', async () => {
      await serve((request, response) => {
        request.resume();
        request.on('end', () => response.end('ok'));
      });
      const text = await rawRequest(running.port, head, 'body');
      expect(text).to.match(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/);
      expect(text.match(/x-correlation-id/gi)).to.have.length(1);
      expect(await observed.ended(1)).to.have.length(1);
      expect((await observed.points(duration))[0]!.count).to.equal(1);
    });

    it('a checkContinue listener that hands on to request is one span', async () => {
      await serve(ok);
      running.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
        response.writeContinue();
        running.server.emit('request', request, response);
      });
      await rawRequest(running.port, head, 'body');
      expect(await observed.ended(1)).to.have.length(1);
    });

    it('a checkExpectation listener, and a refusal without one, is one span', async () => {
      await serve(ok);
      const strange = 'POST / HTTP/1.1\r\nContent-Length: 0\r\nExpect: cookies';
      expect(await rawRequest(running.port, strange)).to.match(/^HTTP\/1.1 417/);
      running.server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
        response.writeHead(200).end();
      });
      expect(await rawRequest(running.port, strange)).to.match(/^HTTP\/1.1 200/);
      const spans = await observed.ended(2);
      expect(spans.map((span) => span.attributes['http.response.status_code'])).to.deep.equal([417, 200]);
    });
  });

  describe('disabled', () => {
    it('leaves Node as it was', async () => {
      const { IncomingMessage, Server, ServerResponse } = http;
      const names = (prototype: object): string[] => Object.getOwnPropertyNames(prototype).sort();
      const before = [IncomingMessage, Server, ServerResponse].map(({ prototype }) => names(prototype));
      const instrumentation = httpServer();
      const other = observe([instrumentation]);
      await other.stop();
      const after = [IncomingMessage, Server, ServerResponse].map(({ prototype }) => names(prototype));
      expect(after).to.deep.equal(before);
      await serve(ok);
      await rawRequest(running.port, 'GET / HTTP/1.1');
      expect(await observed.ended(1)).to.have.length(1);
    });
  });
});
