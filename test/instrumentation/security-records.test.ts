import type { RequestListener } from 'node:http';
import { expect } from 'chai';
import { setError } from '../../instrumentation/framework.ts';
import { hostTest } from '../../instrumentation/host-test.ts';
import { httpServer } from '../../instrumentation/http-server.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { audit, security } from '../../src/logs/security.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { connect, listen, type Running, rawRequest } from '../support/raw-http.ts';

describe('security records (A51)', () => {
  let observed: Observed;
  let running: Running;
  let records: LogRecord[];
  let before: ReturnType<typeof setSinks>;
  let served: string[];

  async function serve(listener: RequestListener, options: ObservedOptions = {}): Promise<void> {
    records = [];
    served = [];
    before = setSinks([(record) => void records.push(record)]);
    observed = observe([httpServer()], { accessLog: { mode: 'on' }, ...options });
    running = await listen((request, response) => {
      served.push(request.url as string);
      listener(request, response);
    });
  }

  afterEach(async () => {
    setSinks(before);
    await running.close();
    await observed.stop();
  });

  const ok: RequestListener = (_request, response) => void response.end('ok');
  const failWith =
    (error: unknown, status: number): RequestListener =>
    (request, response) => {
      setError(request, error);
      response.statusCode = status;
      response.end();
    };
  const lines = () => records.map(({ logger, level, message }) => `${logger} ${level} ${message}`);

  async function askAs(host: string, target = '/'): Promise<string> {
    const wire = await connect(running.port);
    await wire.send(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    return wire.read(() => false);
  }

  it('are not made of hosts where none is named', async () => {
    await serve(ok);
    await askAs('evil.example');
    expect(lines()).to.deep.equal(['access INFO GET / 200']);
  });

  it('tell of a host that is not allowed, and let the request be', async () => {
    await serve(ok, { security: { allowedHosts: ['.shop.example'] } });
    expect(await askAs('api.shop.example:8080')).to.match(/^HTTP\/1.1 200/);
    expect(lines()).to.deep.equal(['access INFO GET / 200']);
    expect(await askAs('evil.example')).to.match(/^HTTP\/1.1 200/);
    expect(lines().slice(1)).to.deep.equal([
      "sonde.security.DisallowedHost WARN Invalid Host header: 'evil.example'. Add it to SONDE_ALLOWED_HOSTS if it is one of yours.",
      'access INFO GET / 200',
    ]);
    const [security, access] = records.slice(1);
    expect(security?.stamp.traceId).to.equal(access?.stamp.traceId);
  });

  it('tell of it and answer 400 on option, once and not in sonde.request (A70)', async () => {
    await serve(ok, { security: { allowedHosts: ['shop.example'], rejectHosts: true } });
    expect(await askAs('evil.example', '/orders')).to.match(/^HTTP\/1.1 400/);
    expect(await askAs('shop.example', '/orders')).to.match(/^HTTP\/1.1 200/);
    expect(served).to.deep.equal(['/orders']);
    expect(records.map(({ logger, message }) => `${logger} ${message.slice(0, 19)}`)).to.deep.equal([
      'sonde.security.DisallowedHost Invalid Host header',
      'access GET /orders 400',
      'access GET /orders 200',
    ]);
  });

  it('answer 400 to a handshake for such a host', async () => {
    await serve(ok, { security: { allowedHosts: ['shop.example'], rejectHosts: true } });
    const upgraded: string[] = [];
    running.server.on('upgrade', (request, socket) => {
      upgraded.push(request.headers.host as string);
      socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n');
    });
    for (const host of ['evil.example', 'shop.example']) {
      const wire = await connect(running.port);
      await wire.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
      const answer = await wire.read(() => false);
      expect(answer).to.match(host === 'shop.example' ? /^HTTP\/1.1 101/ : /^HTTP\/1.1 400/);
    }
    expect(upgraded).to.deep.equal(['shop.example']);
  });

  it('can be silenced by kind (A18)', async () => {
    await serve(ok, { security: { allowedHosts: ['shop.example'] } });
    setLevel('sonde.security.DisallowedHost', 'off');
    try {
      await askAs('evil.example');
    } finally {
      setLevel('sonde.security.DisallowedHost', undefined);
    }
    expect(lines()).to.deep.equal(['access INFO GET / 200']);
  });

  const headers: readonly [kind: string, header: string][] = [
    ['InvalidTraceparent', 'traceparent: 00-zz-b7ad6b7169203331-01'],
    ['OversizedBaggage', `baggage: ${Array.from({ length: 65 }, (_, i) => `k${i}=v`).join(',')}`],
    ['OversizedBaggage', `baggage: k=${'v'.repeat(8200)}`],
    ['HeaderInjection', 'X-Correlation-ID: a%0d%0aSet-Cookie: b'],
  ];
  for (const [kind, header] of headers) {
    it(`tell of ${header.slice(0, 40)} as ${kind}; the answer stays what it is`, async () => {
      await serve((_request, response) => {
        response.statusCode = 404;
        response.end();
      });
      await rawRequest(running.port, `GET / HTTP/1.1\r\n${header}`);
      expect(records.map(({ logger, level }) => `${logger} ${level}`)).to.deep.equal([
        `sonde.security.${kind} WARN`,
        'sonde.request WARN',
        'access INFO',
      ]);
    });
  }

  class Suspicious extends Error {
    static securityKind = 'TamperedCart';
  }
  const errors: readonly [kind: string, error: object, status: number][] = [
    ['csrf', Object.assign(new Error('invalid csrf token'), { code: 'EBADCSRFTOKEN' }), 403],
    ['csrf', Object.assign(new Error('missing csrf secret'), { code: 'FST_CSRF_MISSING_SECRET' }), 403],
    ['RequestDataTooBig', Object.assign(new Error('too large'), { type: 'entity.too.large' }), 413],
    ['RequestDataTooBig', Object.assign(new Error('too large'), { code: 'FST_ERR_CTP_BODY_TOO_LARGE' }), 413],
    ['TamperedCart', new Suspicious('price changed'), 400],
  ];
  for (const [kind, error, status] of errors) {
    it(`tell of ${(error as Error).message} as ${kind}, and sonde.request does not (A70)`, async () => {
      await serve(failWith(error, status));
      await rawRequest(running.port, 'POST /cart HTTP/1.1\r\nContent-Length: 0');
      expect(lines()).to.deep.equal([
        `sonde.security.${kind} WARN ${(error as Error).message}`,
        `access INFO POST /cart ${status}`,
      ]);
    });
  }

  it('are an ERROR where nobody knew an answer', async () => {
    await serve(failWith(new Suspicious('price changed'), 500));
    await rawRequest(running.port, 'GET /cart HTTP/1.1');
    expect(lines()).to.deep.equal([
      'sonde.security.TamperedCart ERROR Internal Server Error: /cart',
      'access INFO GET /cart 500',
    ]);
  });

  it('are made by security(), and the 403 of that request is told only there', async () => {
    await serve((_request, response) => {
      security('permission_denied', { task_id: 7 });
      response.statusCode = 403;
      response.end();
    });
    await rawRequest(running.port, 'DELETE /tasks/7 HTTP/1.1');
    expect(lines()).to.deep.equal([
      'sonde.security.permission_denied WARN permission_denied',
      'access INFO DELETE /tasks/7 403',
    ]);
    expect(records[0]).to.deep.include({ eventName: 'permission_denied', fields: { task_id: 7 } });
  });

  it('have a sibling, audit(), that no general level stops (A65)', async () => {
    await serve(ok);
    setLevel('', 'error');
    try {
      audit('orders_exported', { rows: 3 });
      setLevel('sonde.audit', 'off');
      audit('orders_exported', { rows: 4 });
    } finally {
      setLevel('sonde.audit', undefined);
      setLevel('', 'info');
    }
    expect(
      records.map(({ logger, level, eventName, fields }) => ({ logger, level, eventName, fields })),
    ).to.deep.equal([
      { logger: 'sonde.audit', level: 'INFO', eventName: 'orders_exported', fields: { rows: 3 } },
    ]);
  });

  describe('know hosts as Django does', () => {
    beforeEach(() => serve(ok));

    const rows: readonly [patterns: string[], good: string[], bad: string[]][] = [
      [
        ['shop.example'],
        ['shop.example', 'SHOP.example:8080', 'shop.example.'],
        ['a.shop.example', 'xshop.example'],
      ],
      [['.shop.example'], ['shop.example', 'a.b.shop.example'], ['xshop.example', 'shop.example.evil']],
      [['*'], ['anything', '10.0.0.1:80', '[::1]:80'], ['a b', 'a/b', 'user@host', '']],
      [
        ['[::1]', '127.0.0.1'],
        ['[::1]', '[::1]:8080', '127.0.0.1:1'],
        ['[::2]', '127.0.0.2'],
      ],
    ];
    for (const [patterns, good, bad] of rows) {
      it(patterns.join(', '), () => {
        const isAllowed = hostTest(patterns);
        expect(good.filter((host) => !isAllowed(host))).to.deep.equal([]);
        expect(bad.filter(isAllowed)).to.deep.equal([]);
      });
    }
  });
});
