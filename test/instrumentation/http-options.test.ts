import http, { type RequestListener } from 'node:http';
import { expect } from 'chai';
import { headerCapture } from '../../instrumentation/header-capture.ts';
import { httpClient } from '../../instrumentation/http-client.ts';
import { httpServer } from '../../instrumentation/http-server.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { connect, headerLines, listen, type Running, rawRequest } from '../support/raw-http.ts';

describe('HTTP on option', () => {
  let observed: Observed;
  let running: Running;

  async function serve(listener: RequestListener, options: ObservedOptions['http'] = {}): Promise<void> {
    observed = observe([httpServer(), httpClient()], { http: options });
    running = await listen(listener);
  }

  afterEach(async () => {
    await running?.close();
    await observed?.stop();
  });

  const ok: RequestListener = (_request, response) => void response.end('ok');

  describe('headers on spans', () => {
    const secrets = {
      authorization: 'Bearer x',
      'proxy-authorization': 'Basic x',
      cookie: 'a=b',
      'set-cookie': ['a=b'],
      'x-api-key': 'k',
      'x-auth-token': 't',
      'x-csrf-token': 't',
      'x-session-id': 's',
      'auth-user': 'u',
    };

    it('are those of the allow-list, in any case and with a wildcard, as lists', () => {
      const capture = headerCapture(['X-Tenant', 'x-shop-*', 'vary'], 'request')!;
      expect(
        capture({ 'x-tenant': 'a', 'x-shop-region': 'eu', vary: ['b', 'c'], 'x-other': 'd' }),
      ).to.deep.equal({
        'http.request.header.x-tenant': ['a'],
        'http.request.header.x-shop-region': ['eu'],
        'http.request.header.vary': ['b', 'c'],
      });
      expect(headerCapture([], 'request')).to.equal(undefined);
    });

    it('are never secrets, whether all are asked for or they are named', () => {
      expect(headerCapture(['*'], 'request')!(secrets)).to.deep.equal({});
      expect(headerCapture(Object.keys(secrets), 'response')!(secrets)).to.deep.equal({});
    });

    it('take a pattern for a text, not for an expression', () => {
      const capture = headerCapture(['x.y', 'a+'], 'request')!;
      expect(capture({ 'x-y': '1', aa: '2' })).to.deep.equal({});
    });

    it('stand on server and client spans, of requests and responses', async () => {
      const headers = {
        serverRequest: ['x-tenant'],
        serverResponse: ['x-cache'],
        clientRequest: ['x-tenant'],
        clientResponse: ['x-*'],
      };
      await serve(
        (_request, response) => {
          response.setHeader('X-Cache', 'HIT');
          response.setHeader('Set-Cookie', 'a=b');
          response.end('ok');
        },
        { headers },
      );
      await new Promise((done) => {
        http.get({ port: running.port, headers: { 'X-Tenant': 'acme' } }, (response) => {
          response.resume().on('close', done);
        });
      });
      const spans = await observed.ended(2);
      for (const span of spans) {
        expect(span.attributes['http.request.header.x-tenant'], String(span.kind)).to.deep.equal(['acme']);
        expect(span.attributes['http.response.header.x-cache'], String(span.kind)).to.deep.equal(['HIT']);
        expect(JSON.stringify(span.attributes)).to.not.match(/set-cookie/i);
      }
    });
  });

  it('spans have the sizes of bodies', async () => {
    await serve((request, response) => void request.resume().on('end', () => response.end('four')), {
      bodySizes: true,
    });
    await rawRequest(running.port, 'POST / HTTP/1.1\r\nContent-Length: 3', 'abc');
    const [span] = await observed.ended(1);
    expect(span?.attributes).to.include({ 'http.request.body.size': 3, 'http.response.body.size': 4 });
  });

  it('answers tell their trace in Server-Timing, beside what the app measures', async () => {
    await serve(
      (_request, response) => {
        response.setHeader('Server-Timing', 'db;dur=53');
        response.end('ok');
      },
      { serverTiming: true },
    );
    const text = await rawRequest(running.port, 'GET / HTTP/1.1');
    const [span] = await observed.ended(1);
    const { traceId, spanId } = span!.spanContext();
    expect(headerLines(text, 'server-timing')).to.have.members([
      `Server-Timing: traceparent;desc="00-${traceId}-${spanId}-01"`,
      'Server-Timing: db;dur=53',
    ]);
  });

  it('does none of it by itself', async () => {
    await serve(ok);
    const text = await rawRequest(running.port, 'GET / HTTP/1.1\r\nX-Tenant: acme');
    const [span] = await observed.ended(1);
    expect(headerLines(text, 'server-timing')).to.deep.equal([]);
    expect(Object.keys(span!.attributes).filter((name) => /header|body/.test(name))).to.deep.equal([]);
  });

  it('counts what is being served now, whatever its end (A58)', async () => {
    const waiting: (() => void)[] = [];
    await serve((_request, response) => void waiting.push(() => response.end('ok')));
    const active = async () => {
      const values = await observed.points('http.server.active_requests');
      return values.map(({ attributes, count }) => [attributes['http.request.method'], count]);
    };
    const wires = [await connect(running.port), await connect(running.port)];
    for (const wire of wires) await wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    while (waiting.length < 2) await new Promise((done) => setTimeout(done, 2));
    expect(await active()).to.deep.equal([['GET', 2]]);
    wires[1]!.socket.destroy();
    waiting[0]!();
    await observed.ended(2);
    expect(await active()).to.deep.equal([['GET', 0]]);
  });

  it('client spans say how long a new connection took, those on a pooled socket do not', async () => {
    await serve(ok);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = 0; turn < 2; turn++) {
      await new Promise((done) => {
        http.get({ host: 'localhost', family: 4, port: running.port, agent }, (response) => {
          response.resume().on('close', done);
        });
      });
    }
    agent.destroy();
    const clients = (await observed.ended(4)).filter(({ kind }) => kind === 2);
    expect(clients[0]?.attributes['sonde.dns_ms']).to.be.a('number');
    expect(clients[0]?.attributes['sonde.connect_ms']).to.be.a('number');
    expect(clients[1]?.attributes).to.not.have.any.keys('sonde.dns_ms', 'sonde.connect_ms');
  });
});
