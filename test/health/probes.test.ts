import { once } from 'node:events';
import http, { type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect } from 'chai';
import pg from 'pg';
import { health } from '../../src/health/health.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { notePool } from '../../src/pools.ts';
import { becomeReady, stopBeingReady } from '../../src/readiness.ts';
import { runNode } from '../support/child.ts';
import { startMongoStub } from '../support/mongo-stub.ts';
import { requireMariadb, requirePostgres, requireRedis } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const never = () => new Promise(() => undefined);

describe('health', function () {
  this.timeout(20_000);
  let server: Server;
  let url: string;
  const removals: (() => void)[] = [];
  let records: LogRecord[] = [];
  let sinks: ReturnType<typeof setSinks>;

  beforeEach(async () => {
    sinks = setSinks([(record) => void records.push(record)]);
    server = http.createServer((_request, response) => response.end('the app'));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(() => {
    becomeReady();
    setSinks(sinks);
    for (const remove of removals.splice(0)) remove();
    records = [];
    server.close();
    server.closeAllConnections();
  });

  function check(...given: Parameters<typeof health.check>) {
    const [name, fn, options] = given;
    removals.push(health.check(name, fn, { cacheMs: 0, ...options }));
  }

  async function ask(path: string, method = 'GET') {
    const response = await fetch(`${url}${path}`, { method });
    return { status: response.status, text: await response.text(), headers: response.headers };
  }

  async function expectDown(fn: unknown, reason: RegExp) {
    check('db', fn as object, { timeout: 50 });
    const { status, text } = await ask('/readyz');
    expect([status, text]).to.deep.equal([503, '{"status":"not_ready","db":"down"}']);
    expect(records.at(-1)?.fields?.reason).to.match(reason);
  }

  it('answers /healthz and /livez with {"status":"ok"} whatever is down or hangs, and the rest is the app\'s (A54)', async () => {
    health.mount(server);
    check('db', never, { timeout: 5_000 });
    const hanging = ask('/readyz');
    for (const path of ['/healthz', '/healthz/', '/livez', '/livez?verbose']) {
      const { status, text, headers } = await ask(path);
      expect([status, text]).to.deep.equal([200, '{"status":"ok"}']);
      expect(headers.get('content-type')).to.equal('application/json');
    }
    for (const path of ['/', '/health', '/healthzz', '/readyz/db']) {
      expect((await ask(path)).text, path).to.equal('the app');
    }
    server.closeAllConnections();
    await hanging.catch(() => undefined);
  });

  it('gives the exact bodies of S3 at /readyz, with and without slash, GET and HEAD only (A55)', async () => {
    health.mount(server);
    let isDown = false;
    check('db', () => {
      if (isDown) throw new Error('connection refused');
    });
    for (const path of ['/readyz', '/readyz/']) {
      const up = await ask(path);
      expect([up.status, up.text]).to.deep.equal([200, '{"status":"ready","db":"ok"}']);
    }
    isDown = true;
    const down = await ask('/readyz');
    expect([down.status, down.text]).to.deep.equal([503, '{"status":"not_ready","db":"down"}']);
    const head = await ask('/readyz', 'HEAD');
    expect([head.status, head.text]).to.deep.equal([503, '']);
    expect(head.headers.get('content-length')).to.equal(String(down.text.length));
    for (const method of ['POST', 'DELETE', 'OPTIONS']) {
      const refused = await ask('/readyz/', method);
      expect([refused.status, refused.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    }
  });

  it('counts a slow check as down, lists all checks, and needs only the critical ones (A55)', async () => {
    health.mount(server);
    check('cache', never, { timeout: 50, critical: false });
    check('db', async () => ({ rows: [] }));
    const { status, text } = await ask('/readyz');
    expect([status, text]).to.deep.equal([200, '{"status":"ready","cache":"down","db":"ok"}']);
  });

  it('answers 503 during shutdown, and asks no check any more (A55)', async () => {
    health.mount(server, { shape: 'django' });
    let asked = 0;
    check('db', () => void asked++);
    stopBeingReady();
    expect(await ask('/readyz')).to.include({ status: 503, text: '{"status":"not_ready"}' });
    expect(await ask('/health')).to.include({ status: 503, text: '{"status":"unhealthy","checks":{}}' });
    expect((await ask('/healthz')).status).to.equal(200);
    expect(asked).to.equal(0);
  });

  it('has the shape of Django at /health: ok, failed when the round trip differs, a class name for an error (A56)', async () => {
    health.mount(server, { shape: 'django' });
    const cache = new Map<string, string>();
    let stored = 'ok';
    check('database', () => undefined);
    check('cache', () => {
      cache.set('health_check', stored);
      return cache.get('health_check') === 'ok';
    });
    expect(await ask('/health')).to.include({
      status: 200,
      text: '{"status":"healthy","checks":{"database":"ok","cache":"ok"}}',
    });
    stored = 'else';
    check('database', () => {
      throw new RangeError('no route to host db.internal');
    });
    expect(await ask('/health/')).to.include({
      status: 503,
      text: '{"status":"unhealthy","checks":{"database":"RangeError","cache":"failed"}}',
    });
    expect((await ask('/readyz')).text).to.equal('{"status":"not_ready","database":"down","cache":"down"}');
  });

  it('counts functions that throw, reject, hang or give nonsense as down, with a reason without secrets', async () => {
    health.mount(server);
    const secret = 'postgres://shop:hunter2@db/shop';
    await expectDown(() => {
      throw new Error(`cannot reach ${secret}`);
    }, /^Error: cannot reach (?!.*hunter2)/);
    removals.pop()?.();
    await expectDown(() => Promise.reject(null), /null/);
    removals.pop()?.();
    await expectDown(() => {
      throw undefined;
    }, /undefined/);
    removals.pop()?.();
    for (const [given, reason] of [
      [never, /^no answer in 50 ms$/],
      [() => null, /^it gave null$/],
      [() => false, /^it gave false$/],
      [() => Number.NaN, /^it gave NaN$/],
      [() => () => undefined, /^it gave a function$/],
      [() => new Error('quota'), /^Error: quota$/],
      [
        () =>
          Object.defineProperty({}, 'then', {
            get() {
              throw new Error('a trap');
            },
          }),
        /a trap/,
      ],
      [undefined, /neither a function nor a pool/],
      ['postgress', /neither a function nor a pool nor one of pg,/],
      [{}, /neither query\(\) nor ping\(\)/],
    ] as const) {
      await expectDown(given, reason);
      removals.pop()?.();
    }
  });

  it('tells once when a check goes down and once when it is up again, by logger sonde.health', async () => {
    health.mount(server);
    let isDown = true;
    check('db', () => {
      if (isDown) throw new Error('gone');
    });
    for (let i = 0; i < 3; i++) await ask('/readyz');
    isDown = false;
    for (let i = 0; i < 3; i++) await ask('/readyz');
    expect(records.map(({ logger, level, message }) => [logger, level, message])).to.deep.equal([
      ['sonde.health', 'WARN', 'health check db is down: Error: gone'],
      ['sonde.health', 'INFO', 'health check db is up again'],
    ]);
  });

  it('shares one running check among all who ask at once, and keeps its answer for cacheMs', async () => {
    health.mount(server);
    let asked = 0;
    const slowly = async () => {
      asked++;
      await new Promise((resolve) => setTimeout(resolve, 100));
    };
    check('db', slowly, { cacheMs: 60_000 });
    const all = await Promise.all(Array.from({ length: 50 }, () => ask('/readyz')));
    expect(new Set(all.map(({ status }) => status))).to.deep.equal(new Set([200]));
    await ask('/readyz');
    expect(asked).to.equal(1);
  });

  it('asks a function that hangs not again until it settles, and tells it that nobody waits', async () => {
    health.mount(server);
    const asked: AbortSignal[] = [];
    let settle = () => {};
    check(
      'db',
      ({ signal }: { signal: AbortSignal }) => {
        asked.push(signal);
        return asked.length > 1 ? undefined : new Promise<void>((resolve) => (settle = resolve));
      },
      { timeout: 30 },
    );
    for (let i = 0; i < 5; i++) expect((await ask('/readyz')).status).to.equal(503);
    expect(asked.map(({ aborted }) => aborted)).to.deep.equal([true]);
    settle();
    expect((await ask('/readyz')).status).to.equal(200);
  });

  it('knows pools by kind or by themselves, and believes in those that nobody has used', async function () {
    await requirePostgres(this);
    health.mount(server);
    const pool = new pg.Pool({ host: '127.0.0.1', user: 'postgres' });
    const broken = new pg.Pool({ host: '127.0.0.1', port: 1, user: 'postgres' });
    check('db', 'pg');
    expect((await ask('/readyz')).text).to.equal('{"status":"ready","db":"ok"}');
    notePool('pg', pool);
    expect((await ask('/readyz')).text).to.equal('{"status":"ready","db":"ok"}');
    notePool('pg', broken);
    expect((await ask('/readyz')).text).to.equal('{"status":"not_ready","db":"down"}');
    await broken.end();
    expect((await ask('/readyz')).text).to.equal('{"status":"ready","db":"ok"}');
    check('db', pool);
    expect((await ask('/readyz')).status).to.equal(200);
    await pool.end();
    expect((await ask('/readyz')).status).to.equal(503);
  });

  it('sees pools of pg, mysql2, redis and ioredis in use, and keeps none of them alive', async function () {
    for (const required of [requirePostgres, requireMariadb, requireRedis]) await required(this);
    const app = `
      const { health, init } = require('sonde');
      const sonde = init();
      async function ask() {
        const own = health.serve();
        await own.ready;
        const answer = await (await fetch('http://127.0.0.1:' + own.port + '/readyz')).json();
        own.close();
        return answer;
      }
      async function use() {
        const pool = new (require('pg').Pool)({ host: '127.0.0.1', port: 5432, user: 'postgres' });
        await pool.query('SELECT 1');
        const mysql = require('mysql2/promise').createPool({ host: '127.0.0.1', user: 'root' });
        await mysql.query('SELECT 1');
        const redis = await require('redis').createClient().connect();
        const io = new (require('ioredis').Redis)();
        await io.ping();
        for (const kind of ['pg', 'mysql2', 'redis', 'ioredis']) health.check(kind, kind, { cacheMs: 0 });
        const answer = await ask();
        await Promise.all([pool.end(), mysql.end(), redis.quit(), io.quit()]);
        return [answer, new WeakRef(pool)];
      }
      void (async () => {
        const [open, reference] = await use();
        const closed = await ask();
        for (let i = 0; i < 10 && reference.deref(); i++) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          gc();
        }
        console.log(JSON.stringify({ open, closed, isGone: reference.deref() === undefined }));
        process.exit(0);
      })();`;
    const cwd = appFolder(['pg', 'mysql2', 'redis', 'ioredis']);
    const ended = await runNode(['--expose-gc', '--eval', app], { cwd });
    const checks = { pg: 'ok', mysql2: 'ok', redis: 'ok', ioredis: 'ok' };
    const { open, closed, isGone } = ended.lines.find((line) => line.open) ?? {};
    expect(open, ended.stderr).to.deep.equal({ status: 'ready', ...checks });
    expect(closed).to.deep.equal({ status: 'ready', ...checks });
    expect(isGone).to.equal(true);
    const seen = ended.lines.map((line) => line.message).filter((text) => /Sonde has seen no/.test(text));
    expect(seen, 'each was seen while it was open, none after').to.have.length(4);
  });

  it('asks a client of mongodb by its kind and by itself, and tells when its server is gone', async () => {
    const app = `
      const { health, init } = require('sonde');
      init();
      const { MongoClient } = require('mongodb');
      const client = new MongoClient(process.argv[1], { serverSelectionTimeoutMS: 300 });
      health.check('seen', 'mongodb', { cacheMs: 0, timeout: 5_000 });
      health.check('given', client, { cacheMs: 0, timeout: 5_000 });
      (async () => {
        await client.connect();
        const own = health.serve();
        await own.ready;
        const ask = async () => (await fetch('http://127.0.0.1:' + own.port + '/readyz')).text();
        let answer = await ask();
        console.log(JSON.stringify({ answer }));
        while (answer.includes('ok')) answer = await ask();
        console.log(JSON.stringify({ answer }));
        process.exit(0);
      })();`;
    const stub = await startMongoStub();
    let closing: Promise<void> | undefined;
    const ended = await runNode(['--eval', app, `mongodb://127.0.0.1:${stub.port}`], {
      cwd: appFolder(['mongodb']),
      onStdout: (text) => {
        if (text.includes('"answer"')) closing ??= stub.close();
      },
    });
    await (closing ?? stub.close());
    const answers = ended.lines.flatMap(({ answer }) => (answer === undefined ? [] : [answer]));
    expect(answers, ended.stderr).to.deep.equal([
      '{"status":"ready","seen":"ok","given":"ok"}',
      '{"status":"not_ready","seen":"down","given":"down"}',
    ]);
  });

  it('has a port of its own that others than probes get nothing from', async () => {
    check('db', () => undefined);
    const own = health.serve();
    await own.ready;
    url = `http://127.0.0.1:${own.port}`;
    expect((await ask('/readyz')).text).to.equal('{"status":"ready","db":"ok"}');
    expect((await ask('/anything')).status).to.equal(404);
    const socket = connect(own.port, '127.0.0.1');
    socket.write(`GET /readyz HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
    const [answer] = await once(socket.setEncoding('utf8'), 'data');
    expect(answer).to.match(/^HTTP\/1.1 431 /);
    own.close();
  });

  it('answers by SONDE_HEALTH=app without a word in the app, unobserved, while the exporter fails (A44)', async () => {
    const app = `
      const http = require('node:http');
      const server = http.createServer((request, response) => response.end('the app')).listen(0, async () => {
        const ask = async (path) => {
          const response = await fetch('http://127.0.0.1:' + server.address().port + path);
          return [response.status, await response.text()];
        };
        const { health, init } = require('sonde');
        health.check('db', () => { throw new TypeError('down'); });
        const sonde = init();
        const got = [await ask('/healthz'), await ask('/readyz/'), await ask('/')];
        const stopped = sonde.shutdown();
        got.push(await ask('/readyz'));
        await stopped;
        console.log(JSON.stringify({ got, access: 'none' }));
        server.close();
        server.closeAllConnections();
      });`;
    const env = { SONDE_HEALTH: 'app', OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' };
    const ended = await runNode(['--require', 'sonde/register', '--eval', app], { cwd: appFolder(), env });
    expect(ended.lines.find(({ got }) => got)?.got, ended.stderr).to.deep.equal([
      [200, '{"status":"ok"}'],
      [503, '{"status":"not_ready","db":"down"}'],
      [200, 'the app'],
      [503, '{"status":"not_ready"}'],
    ]);
    const access = ended.lines.filter(({ logger }) => logger === 'access');
    expect(access.map((line) => line['url.path'])).to.deep.equal(['/']);
  });

  it('answers 503 from SIGTERM on, while the app that handles it drains (A55)', async () => {
    const app = `
      const server = require('node:http').createServer().listen(0, () => process.kill(process.pid, 'SIGTERM'));
      require('sonde').health.mount(server);
      process.on('SIGTERM', async () => {
        const response = await fetch('http://127.0.0.1:' + server.address().port + '/readyz');
        console.log(response.status + ' ' + await response.text());
        process.exit(0);
      });`;
    const ended = await runNode(['--require', 'sonde/register', '--eval', app], { cwd: appFolder() });
    expect(ended.stdout).to.match(/^503 \{"status":"not_ready"\}$/m);
  });

  it('tells how many migrations wait, and nothing where the function fails (A58)', async () => {
    const app = `
      const { health, init } = require('sonde');
      const sonde = init({ metrics: { exporters: ['prometheus'], prometheus: { port: 0 } } });
      const server = require('node:http').createServer().listen(0, async () => {
        require('sonde').metrics.mount(server);
        const gauge = async () => {
          const page = await (await fetch('http://127.0.0.1:' + server.address().port + '/metrics')).text();
          return /^sonde_migrations_pending\\S* (\\d+)/m.exec(page)?.[1] ?? 'none';
        };
        health.migrations(async () => ['0001', '0002']);
        const two = await gauge();
        health.migrations(() => { throw new Error('no table'); });
        console.log(JSON.stringify({ gauges: [two, await gauge()] }));
        process.exit(0);
      });`;
    const ended = await runNode(['--eval', app], { cwd: appFolder() });
    expect(ended.lines.find(({ gauges }) => gauges)?.gauges, ended.stderr).to.deep.equal(['2', 'none']);
  });
});
