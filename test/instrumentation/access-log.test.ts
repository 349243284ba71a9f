import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
// @ts-expect-error: it has no types of its own.
import morgan from 'morgan';
import { pinoHttp } from 'pino-http';
import { fetchClient } from '../../instrumentation/fetch.ts';
import { setError, setSubject } from '../../instrumentation/framework.ts';
import { httpServer } from '../../instrumentation/http-server.ts';
import { countCacheLookup, countDbCall } from '../../src/context/activity.ts';
import { activeContext } from '../../src/context/context.ts';
import { addContext, annotate } from '../../src/context/unit.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { connect, listen, type Running, rawRequest } from '../support/raw-http.ts';

type AccessLog = NonNullable<ObservedOptions['accessLog']>;

describe('The access log', () => {
  // Made here, before its records are looked at: the first logger of a process sets up what prints before `init`.
  const shop = getLogger('shop');
  let observed: Observed;
  let running: Running;
  let records: LogRecord[];
  let before: ReturnType<typeof setSinks>;
  const sink = (record: LogRecord) => void records.push(record);

  async function serve(listener: RequestListener, accessLog: AccessLog = {}, options: ObservedOptions = {}) {
    records = [];
    before = setSinks([sink]);
    observed = observe([httpServer(), fetchClient()], {
      ...options,
      accessLog: { mode: 'on', ...accessLog },
    });
    running = await listen(listener);
  }

  afterEach(async () => {
    setSinks(before);
    await running.close();
    await observed.stop();
  });

  const ask = (target: string, headers = '') =>
    rawRequest(running.port, `GET ${target} HTTP/1.1\r\nX-Correlation-ID: order-7${headers}`);
  const of = (logger: string) => records.filter((record) => record.logger === logger);
  const lines = () => records.map((record) => `${record.logger} ${record.level} ${record.message}`);

  /** The one access record as its JSON line, without time and ids. */
  function line(): Record<string, unknown> {
    expect(of('access')).to.have.length(1);
    const { timestamp, trace_id, span_id, trace_flags, ...rest } = JSON.parse(jsonFormat()(of('access')[0]!));
    expect(trace_id).to.equal(observed.spans[0]?.spanContext().traceId);
    expect(rest.duration_ms)
      .to.be.a('number')
      .and.to.equal(Math.round(rest.duration_ms * 100) / 100);
    return { ...rest, duration_ms: 1 };
  }

  it('is one record a request, with the minimum of A30 under the names of the conventions (A30, A52, A64)', async () => {
    await serve((request, response) => {
      (request as IncomingMessage & { user?: object }).user = { id: 42, email: 'ann@example.com' };
      addContext({ 'org.slug': 'acme' });
      response.end('ok');
    });
    await ask('/orders/12345?token=hunter2');
    expect(line()).to.deep.equal({
      level: 'INFO',
      logger: 'access',
      message: 'GET /orders/12345 200',
      correlation_id: 'order-7',
      'http.request.method': 'GET',
      'url.path': '/orders/12345',
      'http.response.status_code': 200,
      duration_ms: 1,
      'user.id': '42',
      'org.slug': 'acme',
    });
    expect(observed.spans[0]?.attributes['user.id']).to.equal('42');
  });

  it('has the names of Django in its preset (A52)', async () => {
    await serve((_request, response) => void response.end('ok'), { format: 'django' });
    await ask('/api/orders/12345');
    expect(line()).to.deep.equal({
      level: 'INFO',
      logger: 'access',
      message: 'HTTP request',
      correlation_id: 'order-7',
      method: 'GET',
      path: '/api/orders/12345',
      status_code: 200,
      duration_ms: 1,
    });
  });

  it('has the text of Python by format kv (A53)', async () => {
    const known = { id: '0f8fad5b-d9cb-469f-a165-70867728950e' };
    await serve(
      (request, response) => {
        if (request.url !== '/healthz/') Object.assign(request, { user: known });
        response.end('ok');
      },
      { format: 'kv' },
    );
    await ask('/healthz/');
    await ask('/who?x=1');
    const [healthz, who] = of('access').map(({ message }) => message);
    expect(healthz).to.match(/^method=GET path=\/healthz\/ status=200 duration_ms=\d+\.\d\d user_id=-$/);
    expect(who).to.match(/^method=GET path=\/who status=200 duration_ms=\d+\.\d\d user_id=0f8fad5b-[-\w]+$/);
  });

  it('has short names by format json, and the words of Apache by format combined (A53)', async () => {
    await serve((_request, response) => void response.end('ok'), { format: 'json' });
    await ask('/a');
    expect(line()).to.include({ method: 'GET', path: '/a', status: 200, message: 'GET /a 200' });
    await running.close();
    await observed.stop();
    setSinks(before);

    await serve(
      (_request, response) => {
        response.setHeader('content-length', 2);
        response.end('ok');
      },
      { format: 'combined' },
    );
    await ask('/a?b=1', '\r\nReferer: http://shop.example/list?token=1\r\nUser-Agent: "probe"');
    expect(of('access')[0]?.message).to.match(
      /^127\.0\.0\.1 - - \[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \/a HTTP\/1\.1" 200 2 "http:\/\/shop\.example\/list" "\\"probe\\""$/,
    );
  });

  it('tells what the request did, and what annotate() added (A64)', async () => {
    await serve((request, response) => {
      if (request.url === '/other') return void response.end('other');
      const context = activeContext();
      countDbCall(context, 1.234);
      countDbCall(context, 2);
      countCacheLookup(context, true);
      countCacheLookup(context, false);
      annotate({ cart: { items: 3 }, coupon: 'SPRING' });
      annotate({ coupon: 'SUMMER' });
      fetch(`http://127.0.0.1:${running.port}/other`)
        .then((other) => other.text())
        .then(() => response.end('ok'));
    });
    await ask('/');
    const record = of('access').find(({ message }) => message === 'GET / 200');
    expect(record?.fields).to.include({
      'db.calls': 2,
      'db.duration_ms': 3.23,
      'http.client.calls': 1,
      'cache.hits': 1,
      'cache.misses': 1,
      coupon: 'SUMMER',
    });
    expect(record?.fields?.cart).to.deep.equal({ items: 3 });
    expect(record?.fields?.['http.client.duration_ms']).to.be.above(0);
    const other = of('access').find(({ message }) => message === 'GET /other 200');
    expect(other?.fields).to.not.have.any.keys('db.calls', 'http.client.calls', 'cache.hits', 'coupon');
  });

  it('cannot be told a status or a path by annotate()', async () => {
    await serve((_request, response) => {
      annotate({ 'http.response.status_code': 999, 'url.path': '/forged' });
      response.end('ok');
    });
    await ask('/true');
    expect(line()).to.include({ 'http.response.status_code': 200, 'url.path': '/true' });
  });

  it('has a record of a request that its caller gave up, with aborted=true (A53)', async () => {
    await serve(() => {}, { format: 'kv' });
    const wire = await connect(running.port);
    await wire.send('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
    const [, response] = await once(running.server, 'request');
    wire.socket.destroy();
    await once(response, 'close');
    expect(of('access')[0]?.message).to.match(/^method=GET path=\/slow status=- .* user_id=- aborted=true$/);
    expect(of('access')[0]?.fields).to.include({ aborted: true });
    expect(lines()).to.have.length(1);
  });

  it('is INFO whatever the status; sonde.request has a WARN of 4xx and an ERROR of 5xx (A46, A70)', async () => {
    const broken = new TypeError('broken');
    await serve((request, response) => {
      response.statusCode = Number(request.url?.slice(1, 4));
      if (response.statusCode === 500) setError(request, broken);
      if (response.statusCode === 404) setError(request, new Error('no such order'));
      response.end();
    });
    for (const target of ['/200', '/302', '/404?q=1', '/500']) await ask(target);
    expect(lines()).to.deep.equal([
      'access INFO GET /200 200',
      'access INFO GET /302 302',
      'sonde.request WARN Not Found: /404',
      'access INFO GET /404 404',
      'sonde.request ERROR Internal Server Error: /500',
      'access INFO GET /500 500',
    ]);
    const [, fault] = of('sonde.request');
    expect(fault?.error).to.equal(broken);
    expect(fault?.stamp.correlationId).to.equal('order-7');
    expect(fault?.fields).to.deep.equal({
      'http.request.method': 'GET',
      'url.path': '/500',
      'http.response.status_code': 500,
    });
  });

  it('leaves one ERROR and one exception of an error that the route has logged and thrown on (A70)', async () => {
    const broken = new TypeError('broken');
    await serve((request, response) => {
      shop.error('order failed', broken);
      setError(request, broken);
      response.statusCode = 500;
      response.end();
    });
    await ask('/orders');
    expect(lines()).to.deep.equal(['shop ERROR order failed', 'access INFO GET /orders 500']);
    const [span] = observed.spans;
    expect(span?.events.map(({ attributes }) => attributes?.['exception.message'])).to.deep.equal(['broken']);
    expect(span?.attributes['error.type']).to.equal('500');
    expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
  });

  it("gives the framework's own request to the rule for the user", async () => {
    await serve((request, response) => {
      setSubject(
        request,
        { state: 'from-koa' },
        { userOf: (context: any) => context.state, routeOf: () => '/koa' },
      );
      response.end('ok');
    });
    await ask('/');
    expect(line()).to.include({ 'user.id': 'from-koa', 'http.route': '/koa' });
  });

  it('follows the status on option (A70)', async () => {
    await serve(
      (request, response) => {
        response.statusCode = Number(request.url?.slice(1));
        response.end();
      },
      { level: 'by-status' },
    );
    for (const target of ['/200', '/404', '/503']) await ask(target);
    expect(of('access').map(({ level }) => level)).to.deep.equal(['INFO', 'WARN', 'ERROR']);
  });

  it('may have errors only, or nothing; sonde.request is not asked (A70)', async () => {
    const answer: RequestListener = (request, response) => {
      response.statusCode = Number(request.url?.slice(1));
      response.end();
    };
    await serve(answer, { mode: 'errors' });
    for (const target of ['/200', '/404']) await ask(target);
    expect(lines()).to.deep.equal(['sonde.request WARN Not Found: /404', 'access INFO GET /404 404']);
    await running.close();
    await observed.stop();
    setSinks(before);

    await serve(answer, { mode: 'off' });
    await ask('/404');
    expect(lines()).to.deep.equal(['sonde.request WARN Not Found: /404']);
  });

  it('leaves out the paths it is told to, and what the logger level stops (A18, A53)', async () => {
    await serve((_request, response) => void response.end('ok'), { ignore: ['/up', '/static/*'] });
    for (const target of ['/up', '/up/?x=1', '/static/a.js', '/upper']) await ask(target);
    expect(lines()).to.deep.equal(['access INFO GET /upper 200']);
    expect(observed.spans).to.have.length(4);
    setLevel('access', 'warn');
    try {
      await ask('/silent');
    } finally {
      setLevel('access', undefined);
    }
    expect(lines()).to.have.length(1);
  });

  it('keeps the path as it came, whatever a framework writes into the request', async () => {
    await serve((request, response) => {
      request.url = '/inner';
      response.end('ok');
    });
    await ask('/outer/inner');
    expect(line()['url.path']).to.equal('/outer/inner');
  });

  describe('names the user (A30)', () => {
    const rows: readonly [name: string, id: unknown, shown: string | undefined][] = [
      ['a number', 42, '42'],
      ['a bigint', 42n, '42'],
      ['a UUID', '0f8fad5b-d9cb-469f-a165-70867728950e', '0f8fad5b-d9cb-469f-a165-70867728950e'],
      ['a short text', 'user_2x', 'user_2x'],
      ['an e-mail address', 'ann@example.com', undefined],
      ['a long text', 'x'.repeat(65), undefined],
      ['an object', { id: 1 }, undefined],
    ];
    for (const [name, id, shown] of rows) {
      it(`${shown === undefined ? 'never by' : 'by'} ${name}`, async () => {
        await serve((request, response) => {
          Object.assign(request, { user: { id } });
          response.end('ok');
        });
        await ask('/');
        expect(line()['user.id']).to.equal(shown);
      });
    }

    it('by a function of the app, one that throws included, or not at all', async () => {
      const listener: RequestListener = (_request, response) => void response.end('ok');
      for (const [user, shown] of [
        [(request: any) => request.headers['x-user'], 'u7'],
        [(request: any) => request.missing.id, undefined],
        [false, undefined],
      ] as const) {
        await serve(listener, {}, { user });
        await ask('/', '\r\nX-User: u7');
        expect(line()['user.id']).to.equal(shown);
        await running.close();
        await observed.stop();
        setSinks(before);
      }
      await serve(listener);
    });

    it('once, and as the app says it, when the app has bound it by addContext', async () => {
      await serve((request, response) => {
        Object.assign(request, { user: { id: 1 } });
        addContext({ 'user.id': 'bound' });
        response.end('ok');
      });
      await ask('/');
      expect(line()['user.id']).to.equal('bound');
      expect(of('access')[0]?.fields).to.not.have.property('user.id');
    });
  });

  describe('stands aside, saying so once (A70)', () => {
    let said: string[];
    let restore: () => void;

    beforeEach(() => {
      said = [];
      const before = diagnostics.speakThrough((_level, message) => void said.push(message));
      restore = () => void diagnostics.speakThrough(before);
    });
    afterEach(() => restore());

    it('for morgan', async () => {
      const log = morgan('tiny', { stream: { write: () => {} } });
      await serve((request, response) => log(request, response, () => response.end('ok')));
      for (const target of ['/a', '/b']) await ask(target);
      expect(lines()).to.deep.equal([]);
      expect(said.filter((message) => message.startsWith('morgan writes'))).to.have.length(1);
    });

    it('for pino-http, but not where it only lends a logger', async () => {
      const written: string[] = [];
      const stream = { write: (text: string) => void written.push(text) };
      const lends = pinoHttp({ autoLogging: false }, stream);
      const logs = pinoHttp({}, stream);
      await serve((request, response) => {
        (request.url === '/lends' ? lends : logs)(request, response);
        response.end('ok');
      });
      for (const target of ['/lends', '/a', '/b']) await ask(target);
      expect(lines()).to.deep.equal(['access INFO GET /lends 200']);
      expect(written).to.have.length(2);
      expect(said.filter((message) => message.startsWith('pino-http writes'))).to.have.length(1);
    });
  });
});
