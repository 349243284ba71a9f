/** Each example runs beside an install of the packed tarball, ends by itself and shows what it promises. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { requirePostgres, requireRedis } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const examples = join(import.meta.dirname, '../../examples');

const packagesOf: Readonly<Record<string, readonly string[]>> = {
  express: ['express'],
  'express-postgres': ['express', 'pg'],
  jobs: ['express', 'pg', 'ioredis', 'bullmq'],
};

function run(folder: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const packages = packagesOf[folder] ?? [];
  return runNode(args, { cwd: appFolder(packages, join(examples, folder)), env });
}

function expectRun(ended: Ended): void {
  expect(ended.code, ended.stderr).to.equal(0);
  expect(ended.signal).to.equal(null);
}

/** The lines that the example's own loggers wrote. */
function linesOf(ended: Ended, logger: string) {
  return ended.lines.filter((line) => line.logger.startsWith(logger));
}

describe('examples', function () {
  this.timeout(30_000);

  it('quickstart: both lines of the request carry its correlation id and its trace', async () => {
    const ended = await run('quickstart', ['quickstart.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('Sent X-Correlation-ID: order-1042, got back order-1042.');
    const lines = linesOf(ended, 'quickstart');
    expect(lines.map((line) => line.message)).to.deep.equal(['hello asked', 'hello answered']);
    expect(lines.map((line) => line.correlation_id)).to.deep.equal(['order-1042', 'order-1042']);
    expect(lines[0]!.trace_id).to.match(/^[0-9a-f]{32}$/);
    expect(lines[1]).to.include({ trace_id: lines[0]!.trace_id, span_id: lines[0]!.span_id });
  });

  it('correlation: one id here, in the next service and in the answer, whatever the caller sent', async () => {
    const ended = await run('correlation', ['correlation.mjs']);
    expectRun(ended);
    const rows = ended.stdout.split('\n').filter((line) => / id /.test(line) && line.includes("'"));
    const ids = rows.map((row) => [...row.matchAll(/'([^']*)'/g)].map(([, id]) => id));
    expect(ids).to.have.length(3);
    for (const [here, next, echoed] of ids) expect([next, echoed]).to.deep.equal([here, here]);
    expect(ids[0]![0]).to.equal('order-1042');
    expect(ids[2]![0]).to.match(/^[0-9a-f]{32}$/);
    expect(ids[1]![0]).to.match(/^[0-9a-f]{32}$/);
    for (const line of linesOf(ended, 'shop')) expect(line).to.include({ 'user.id': 'ada' });
  });

  it('tail-sampling: the one order that failed is told in full, the others at INFO', async () => {
    const ended = await run('tail-sampling', ['tail-sampling.mjs']);
    expectRun(ended);
    const lines = linesOf(ended, 'shop.orders');
    const told = (level: string) => lines.filter((line) => line.level === level);
    expect(told('INFO')).to.have.length(19);
    expect(told('DEBUG').map(({ message, order }) => [message, order])).to.deep.equal([
      ['cart loaded', 13],
      ['card asked', 13],
    ]);
    const [error] = told('ERROR');
    for (const line of told('DEBUG')) expect(line.trace_id).to.equal(error!.trace_id);
    expect(ended.stdout).to.contain('Left out: 57 spans,\n38 debug lines');
  });

  it('metrics: the exemplar of the slow bucket finds the log line of its request (A57)', async () => {
    const ended = await run('metrics', ['metrics.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.match(/^orders_created_total\{channel="web",.*\} 9 /m);
    const traceId = /The slow checkout was trace (\w{32})/.exec(ended.stdout)?.[1];
    const [line] = linesOf(ended, 'shop.checkout');
    expect(line).to.include({ message: 'the bank was slow', trace_id: traceId });
    expect(ended.stdout).to.match(/In short: \{"uptime_seconds":[\d.]+,"requests_total":9,"start_time":"20/);
  });

  it('health: what is down is said to probes and in the log, without its password, and the end is told first (A54, A55)', async () => {
    const ended = await run('health', ['health.mjs']);
    expect([ended.code, ended.signal], ended.stderr).to.deep.equal([null, 'SIGTERM']);
    const answers = ended.stdout.split('\n').filter((line) => /^[a-z].* \/\w+ +\d{3} /.test(line));
    expect(answers.map((line) => line.replace(/^[a-z ]+\//, '/').replace(/ +/, ' '))).to.deep.equal([
      '/readyz 200 {"status":"ready","db":"ok","mail":"down"}',
      '/readyz 503 {"status":"not_ready","db":"down","mail":"down"}',
      '/livez 200 {"status":"ok"}',
      '/readyz 200 {"status":"ready","db":"ok","mail":"down"}',
      '/orders 200 the app',
      '/readyz 503 {"status":"not_ready"}',
    ]);
    const told = linesOf(ended, 'sonde.health').map(({ message }) => message);
    expect(told.some((message) => message.startsWith('health check db is down'))).to.equal(true);
    expect(told).to.include('health check db is up again');
    expect(ended.stdout + ended.stderr).to.not.contain('hunter2');
  });

  it('testing: the tests of an app see its logs, spans and metrics, each only its own (A66, A67)', async () => {
    const ended = await run('testing', ['--test', '--test-reporter=tap', 'orders.test.mjs']);
    expectRun(ended);
    expect(ended.stdout)
      .to.match(/^# pass 4$/m)
      .and.match(/^# fail 0$/m);
  });

  it('log-handlers: the details of the order that fails are shown, and of no other (A4, A39)', async () => {
    const ended = await run('log-handlers', ['log-handlers.mjs']);
    expectRun(ended);
    expect(ended.stdout.split('\n').filter((line) => / shop\./.test(line))).to.deep.equal([
      'INFO shop.orders order made',
      'DEBUG shop.orders price looked up',
      'DEBUG shop.orders card asked',
      'ERROR shop.orders card refused',
    ]);
    expect(ended.stdout).to.match(/The file has one line, of trace [0-9a-f]{32}: card refused/);
  });

  it('worker-threads: the line written in the worker carries the ids of the request', async () => {
    const ended = await run('worker-threads', ['--import', 'sonde/register', 'main.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('wrote its line under upload-7');
    const [asked, resized] = linesOf(ended, 'shop.images');
    expect(asked).to.include({ message: 'image asked', correlation_id: 'upload-7' });
    expect(resized).to.include({
      message: 'image resized',
      correlation_id: 'upload-7',
      trace_id: asked!.trace_id,
    });
  });

  it('alerts: a thousand errors are two mails without their password (A43)', async () => {
    const ended = await run('alerts', ['alerts.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('1,000 errors, 2 mails');
    expect(ended.stdout).to.contain('Subject: [shop] ERROR: payment refused (999 more)');
    expect(ended.stdout).to.contain('password: [REDACTED]').and.not.to.contain('horse');
  });

  it('express: one access line a request, and each error and attempt told once (A30, A51, A64, A70)', async () => {
    const ended = await run('express', ['--import', 'sonde/register', 'app.mjs']);
    expectRun(ended);
    const lines = ended.lines.filter((line) => line.correlation_id === 'visit-1');
    expect(lines.map(({ logger, level, message }) => `${logger} ${level} ${message}`)).to.deep.equal([
      'express INFO order looked up',
      'access INFO GET /shops/7/orders/42 200',
      'express ERROR order failed',
      'access INFO GET /broken 500',
      'sonde.security.permission_denied WARN permission_denied',
      'access INFO GET /admin 403',
      'sonde.request WARN Not Found: /nothing',
      'access INFO GET /nothing 404',
    ]);
    expect(lines[1]).to.include({
      'http.route': '/shops/:shop/orders/:id',
      'user.id': '42',
      'cart.items': 3,
    });
    expect(ended.stdout).to.not.match(/hunter2|ann@example/);
  });

  it('express-postgres: each request keeps its own ids across the pool', async function () {
    await requirePostgres(this);
    const ended = await run('express-postgres', ['--import', 'sonde/register', 'app.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('6 of 6 requests kept their own ids');
    const lines = linesOf(ended, 'shop.products');
    expect(lines).to.have.length(6);
    for (const line of lines) expect(line.correlation_id).to.equal(`call-${line.product}`);
    expect(new Set(lines.map((line) => line.trace_id)).size).to.equal(6);
  });

  it('express-postgres: says in one line that no database answers', async () => {
    const env = { DATABASE_URL: 'postgres://postgres@127.0.0.1:9/postgres' };
    const ended = await run('express-postgres', ['--import', 'sonde/register', 'app.mjs'], env);
    expect(ended.code).to.equal(1);
    expect(ended.stderr).to.contain('PostgreSQL does not answer (ECONNREFUSED)');
  });

  it('jobs: one trace and one id from the request to the job in another process, on every line (A31)', async function () {
    await requirePostgres(this);
    await requireRedis(this);
    const ended = await run('jobs', ['--import', 'sonde/register', 'app.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('sent the mail under order-1042');
    const lines = ended.lines.filter(({ logger }) => /^(shop\.|access)/.test(logger));
    expect(lines.map(({ message }) => message)).to.have.members([
      'price asked',
      'GET /prices/tea 200',
      'order taken',
      'GET /orders/1042 202',
      'mail sent',
    ]);
    for (const line of lines) {
      expect(line).to.include({ correlation_id: 'order-1042', trace_id: lines[0]!.trace_id });
    }
  });

  it('jobs: says in one line that no Redis answers', async function () {
    await requirePostgres(this);
    const env = { REDIS_URL: 'redis://127.0.0.1:9' };
    const ended = await run('jobs', ['--import', 'sonde/register', 'app.mjs'], env);
    expect(ended.code).to.equal(1);
    expect(ended.stderr).to.contain('PostgreSQL or Redis does not answer');
  });
});
