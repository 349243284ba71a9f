/** The telemetry bill (A73): who causes what is sent, what may not be said, and what Sonde costs. */
import fs from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Share, Volume } from '../../src/delivery/ledger.ts';
import { type Ended, runNode } from '../support/child.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const shop = `
const { counter, getLogger, init, withSpan } = require('sonde');
const orders = getLogger('shop.orders');
const users = getLogger('shop.users');
const app = require('express')();
app.get('/orders/:id', (request, response) => {
  for (let i = 0; i < 20; i++) orders.info('an order and its many words', { i, id: request.params.id });
  withSpan('load', () => {});
  response.end();
});
app.get('/users/:id', (request, response) => {
  users.info('a user');
  response.end();
});
const server = app.listen(0, '127.0.0.1', async () => {
  const base = 'http://127.0.0.1:' + server.address().port;
  for (let i = 0; i < 10; i++) {
    await (await fetch(base + '/orders/' + i)).text();
    await (await fetch(base + '/users/' + i)).text();
    counter('orders').add(1, { i });
  }
  getLogger('worker').info('outside of any request');
  await init().forceFlush();
  const { volume, overhead } = init().status();
  process.stdout.write(JSON.stringify({ volume, overhead }) + '\\n');
  process.exit();
});`;

const sumOf = (shares: readonly Share[], of: 'records' | 'bytes') =>
  shares.reduce((sum, share) => sum + share[of], 0);

describe('the volume of telemetry (A73)', function () {
  this.timeout(30_000);
  let sink: OtlpSink;
  let ended: Ended;
  let volume: Volume;
  let overhead: { cpu: number };

  before(async () => {
    const folder = appFolder(['express']);
    fs.writeFileSync(join(folder, 'shop.cjs'), shop);
    sink = await startSink();
    ended = await runNode(['--require', 'sonde/register', 'shop.cjs'], {
      cwd: folder,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
        SONDE_LOG_CONSOLE: 'off',
        SONDE_ACCESS_LOG: 'off',
      },
    });
    await sink.close();
    ({ volume, overhead } = ended.lines.find((line) => line.volume) as never);
  });

  const named = (shares: readonly Share[], name: string) => shares.find((share) => share.name === name);
  const bytesOf = (signal: string) =>
    sink.requests
      .filter((request) => request.signal === signal)
      .reduce((sum, { bytes }) => sum + bytes.length, 0);

  it('is told by logger, and adds up to what the receiver has', () => {
    expect(named(volume.loggers, 'shop.orders')!.records).to.equal(200);
    expect(named(volume.loggers, 'shop.users')!.records).to.equal(10);
    expect(sumOf(volume.loggers, 'records')).to.equal(sink.logs().length);
    expect(sumOf(volume.loggers, 'bytes')).to.be.within(bytesOf('logs') * 0.5, bytesOf('logs'));
  });

  it('is told by route, with the spans', () => {
    const routes = new Map(volume.routes.map(({ name, records }) => [name, records]));
    // 200 records, 10 server spans, 10 spans inside of them.
    expect(routes.get('/orders/:id')).to.equal(220);
    expect(routes.get('/users/:id')).to.equal(20);
    expect(sumOf(volume.routes, 'records')).to.equal(sink.logs().length + sink.spans().length);
    const bytes = bytesOf('logs') + bytesOf('traces');
    expect(sumOf(volume.routes, 'bytes')).to.be.within(bytes * 0.5, bytes);
  });

  it('is told by the line that made the record', () => {
    expect(named(volume.callSites, 'shop.cjs:7')!.records).to.be.at.least(1);
    expect(sumOf(volume.callSites, 'records')).to.equal(sink.logs().length);
    expect(sumOf(volume.callSites, 'bytes')).to.equal(sumOf(volume.loggers, 'bytes'));
  });

  it('is told by metric, to the point and nearly to the byte', () => {
    expect(named(volume.metrics, 'orders')!.records).to.be.at.least(10);
    const points = (name: string) =>
      sink
        .metrics()
        .filter((metric) => metric.name === name)
        .reduce((sum, metric) => sum + metric.points.length, 0);
    const orders = named(volume.metrics, 'orders')!.records;
    expect(points('orders') % orders, 'each collection has the same ten points').to.equal(0);
    expect(sumOf(volume.metrics, 'bytes')).to.be.below(bytesOf('metrics'));
  });

  it('says what Sonde costs, in code and as a metric', () => {
    expect(ended.stderr).to.equal('');
    expect(overhead.cpu).to.be.within(0, 1);
    expect(overhead.cpu).to.be.above(0);
    const costs = sink.metrics().filter(({ name }) => name === 'sonde.overhead.cpu');
    expect(costs.length).to.be.above(0);
    for (const { kind, unit, points } of costs) {
      expect([kind, unit]).to.deep.equal(['gauge', '1']);
      expect(points[0]!.value).to.be.within(0, 1);
    }
  });
});

describe('SONDE_LOG_RATE (A73)', function () {
  this.timeout(30_000);
  const program = `
    const { getLogger, init } = require('sonde');
    const [noisy, below, quiet] = ['shop.noisy', 'shop.noisy.below', 'shop.quiet'].map((name) => getLogger(name));
    for (let i = 0; i < 500; i++) {
      noisy.info('noise', { i });
      below.error('noise below', { i });
      quiet.info('quiet', { i });
    }
    noisy.fatal('the end is near');
  `;

  it('caps a logger and what is below it, lets FATAL pass, and sums up in one line', async () => {
    const sink = await startSink();
    const ended = await runNode(['--require', 'sonde/register', '-e', program], {
      cwd: appFolder(),
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, SONDE_LOG_RATE: 'shop.noisy=100/h' },
    });
    await sink.close();
    const of = (logger: string) => ended.lines.filter((line) => line.logger === logger);
    const summaries = of('shop.noisy').filter((line) => line['logs.left_out'] !== undefined);
    expect(summaries).to.have.length(1);
    expect(summaries[0]).to.include({ level: 'WARN', 'logs.left_out': 900 });
    expect(summaries[0]!.message).to.equal(
      '900 log records were left out: SONDE_LOG_RATE lets shop.noisy say 100/h.',
    );
    expect(of('shop.noisy').length + of('shop.noisy.below').length).to.equal(100 + 1 + 1);
    expect(of('shop.noisy').filter((line) => line.level === 'FATAL')).to.have.length(1);
    expect(of('shop.quiet')).to.have.length(500);
    const sent = sink.logs().filter(({ scope }) => scope.startsWith('shop.'));
    expect(sent).to.have.length(602);
  });

  it('takes the rest of a variable that is partly wrong, and says so', async () => {
    const ended = await runNode(['--require', 'sonde/register', '-e', program], {
      cwd: appFolder(),
      env: { SONDE_OTLP: 'off', SONDE_LOG_RATE: 'shop.quiet=10/d,shop.noisy=1/h' },
    });
    expect(ended.stderr).to.include('SONDE_LOG_RATE').and.to.include('shop.quiet=10/d');
    expect(ended.lines.filter((line) => line.logger === 'shop.noisy')).to.have.length(3);
  });
});
