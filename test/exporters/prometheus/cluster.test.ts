import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { addUp, lasting } from '../../../exporters/prometheus/merge.ts';
import type { CollectedScope } from '../../../src/metrics/collected.ts';
import { runNode } from '../../support/child.ts';
import { metered } from '../../support/metered.ts';
import { startSink } from '../../support/otlp-sink.ts';
import { freePort } from '../../support/ports.ts';
import { appFolder } from '../../support/tarball.ts';

const app = `
const cluster = require('node:cluster');
const http = require('node:http');
const { metrics, counter, gauge, histogram } = require('sonde');
const sum = (page, name) => page.split('\\n').filter((line) => line.startsWith(name))
  .reduce((all, line) => all + Number(line.split('} ')[1]), 0);

if (cluster.isWorker) {
  counter('jobs.done').add(10, { kind: 'batch' });
  histogram('job.duration', { unit: 's' }).record(cluster.worker.id);
  gauge('depth').record(cluster.worker.id);
  process.on('message', (message) => {
    if (message === 'die') { counter('jobs.done').add(1, { kind: 'last words' }); process.exit(); }
    if (message === 'end') { counter('jobs.done').add(1, { kind: 'last words' }); process.kill(process.pid, 'SIGTERM'); }
  });
  process.send('ready');
} else {
  const server = metrics.mount && http.createServer((request, response) => response.end());
  metrics.mount(server);
  server.listen(0, '127.0.0.1', async () => {
    const url = 'http://127.0.0.1:' + server.address().port + '/metrics';
    const scrape = async () => (await fetch(url, { headers: { connection: 'close' } })).text();
    const tell = async (when) => {
      const page = await scrape();
      console.log(JSON.stringify({
        when,
        jobs: sum(page, 'jobs_done_total'),
        count: sum(page, 'job_duration_seconds_count'),
        total: sum(page, 'job_duration_seconds_sum'),
        depths: page.split('\\n').filter((line) => line.startsWith('depth{')).length,
        series: page.split('\\n').filter((line) => line.startsWith('jobs_done_total')).length,
      }));
    };
    counter('jobs.done').add(2, { kind: 'batch' });
    const workers = Array.from({ length: 4 }, () => cluster.fork());
    await Promise.all(workers.map((worker) => new Promise((resolve) => worker.on('message', (message) => message === 'ready' && resolve()))));
    await tell('four');
    const gone = new Promise((resolve) => workers[0].on('exit', resolve));
    workers[0].send('die');
    await gone;
    workers[1].process.kill('SIGKILL');
    await new Promise((resolve) => workers[1].on('exit', resolve));
    workers[2].send('end');
    await new Promise((resolve) => workers[2].on('exit', resolve));
    await new Promise((resolve) => setTimeout(resolve, 300));
    await tell('one');
    for (const worker of Object.values(cluster.workers)) worker.kill();
    server.close();
  });
}
`;

describe('metrics of a cluster', function () {
  this.timeout(60_000);

  it('are the sum of all workers in one scrape, also of those that died (A57, A68)', async () => {
    const folder = appFolder([]);
    writeFileSync(join(folder, 'app.cjs'), app);
    const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
      cwd: folder,
      env: { OTEL_METRICS_EXPORTER: 'prometheus', OTEL_EXPORTER_PROMETHEUS_PORT: '0', SONDE_OTLP: 'off' },
    });
    expect([ended.code, ended.stderr]).to.deep.equal([0, '']);
    const told = ended.lines.filter((line) => line.when);
    expect(told).to.deep.equal([
      { when: 'four', jobs: 42, count: 4, total: 10, depths: 4, series: 1 },
      { when: 'one', jobs: 44, count: 4, total: 10, depths: 1, series: 2 },
    ]);
  });

  it('leave from each worker under an instance and a number of its own (A68)', async () => {
    const folder = appFolder([]);
    const script = `
      const cluster = require('node:cluster');
      const { counter } = require('sonde');
      if (cluster.isPrimary) for (let i = 0; i < 4; i++) cluster.fork();
      else { counter('jobs.done').add(1); process.disconnect(); }`;
    writeFileSync(join(folder, 'app.cjs'), script);
    const sink = await startSink();
    const args = ['--require', 'sonde/register', 'app.cjs'];
    const ended = await runNode(args, { cwd: folder, env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl } });
    await sink.close();
    expect(ended.code, ended.stderr).to.equal(0);
    const resources = sink
      .metrics()
      .flatMap(({ name, resource }) => (name === 'jobs.done' ? [resource] : []));
    expect(resources.map((each) => Number(each['worker.id'])).sort()).to.deep.equal([1, 2, 3, 4]);
    expect(new Set(resources.map((each) => each['service.instance.id'])).size).to.equal(4);
  });

  it('are served by the worker itself where the primary has no Sonde, as under pm2', async () => {
    const folder = appFolder([]);
    const script = `
      const cluster = require('node:cluster');
      if (cluster.isPrimary) cluster.fork().on('message', (message) => message.page && console.log(JSON.stringify(message)));
      else {
        const port = Number(process.env.OTEL_EXPORTER_PROMETHEUS_PORT);
        require('sonde').init();
        const ask = () => fetch('http://127.0.0.1:' + port + '/metrics', { headers: { connection: 'close' } })
          .then((response) => response.text())
          .then((page) => { process.send({ page: page.slice(0, 20) }); process.disconnect(); }, () => setTimeout(ask, 100));
        ask();
      }`;
    writeFileSync(join(folder, 'app.cjs'), script);
    const env = {
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(await freePort()),
    };
    const ended = await runNode(['app.cjs'], {
      cwd: folder,
      env: { ...env, SONDE_OTLP: 'off', TMPDIR: folder },
    });
    expect(ended.stderr).to.equal('');
    expect(ended.lines.filter((line) => 'page' in line)).to.deep.equal([{ page: '# HELP target_info T' }]);
  });

  it('are on the admin port of the primary, the sum of all, and no worker says that it is taken (A68)', async () => {
    const folder = appFolder([]);
    const script = `
      const cluster = require('node:cluster');
      const { counter } = require('sonde');
      const { SONDE_ADMIN_PORT: port } = process.env;
      const ask = async () => (await fetch('http://127.0.0.1:' + port + '/metrics', { headers: { connection: 'close' } })).text();
      const tell = async () => {
        const sum = /^jobs_done_total.* (\\d+)$/m.exec(await ask())?.[1];
        if (sum !== '2') return setTimeout(tell, 50);
        console.log(JSON.stringify({ sum }));
        for (const worker of Object.values(cluster.workers)) worker.send('end');
      };
      if (cluster.isPrimary) {
        cluster.fork();
        cluster.fork();
        tell();
      } else {
        counter('jobs.done').add(1);
        process.on('message', (message) => message === 'end' && process.disconnect());
      }`;
    writeFileSync(join(folder, 'app.cjs'), script);
    const env = { SONDE_ADMIN_PORT: String(await freePort()), SONDE_OTLP: 'off' };
    const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], { cwd: folder, env });
    expect([ended.code, ended.stderr, ended.lines]).to.deep.equal([0, '', [{ sum: '2' }]]);
  });

  it('are on the port of one worker where the primary has no Sonde, and the others ask once who that is (A68)', async () => {
    const folder = appFolder([]);
    const script = `
      const cluster = require('node:cluster');
      const fs = require('node:fs');
      const net = require('node:net');
      const count = (target, name, isMeant) => {
        const original = target[name];
        const counted = { times: 0 };
        target[name] = function (...args) {
          if (isMeant(args)) counted.times++;
          return original.apply(this, args);
        };
        return counted;
      };
      if (cluster.isPrimary) {
        cluster.setupPrimary({ execArgv: ['--require', 'sonde/register'] });
        const serves = () => fetch('http://127.0.0.1:' + process.env.SONDE_ADMIN_PORT + '/metrics').then(() => true, () => false);
        const next = async () => (await serves()) ? cluster.fork() : setTimeout(next, 50);
        cluster.fork();
        next();
        cluster.on('message', (_worker, { searches }) => {
          if (searches === undefined) return;
          console.log(JSON.stringify({ isOnce: searches <= 1 }));
          for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
          process.exit();
        });
      } else {
        const searches = count(fs, 'readdirSync', ([path]) => path === '/proc');
        const attempts = count(net.Server.prototype, 'listen', () => true);
        const tell = () => attempts.times < 3 ? setTimeout(tell, 50) : process.send({ searches: searches.times });
        tell();
      }`;
    writeFileSync(join(folder, 'app.cjs'), script);
    const env = { SONDE_ADMIN_PORT: String(await freePort()), SONDE_OTLP: 'off' };
    const ended = await runNode(['app.cjs'], { cwd: folder, env });
    expect([ended.code, ended.lines.filter((line) => 'isOnce' in line)]).to.deep.equal([
      0,
      [{ isOnce: true }],
    ]);
  });

  async function scopes(shift = 0): Promise<CollectedScope[]> {
    const { meter, reader } = metered({ views: [{ instrumentName: 'e', aggregation: { type: 5 } }] });
    meter.createUpDownCounter('open').add(1);
    meter.createCounter('n').add(1, { a: 1 });
    meter.createGauge('g').record(1);
    for (let i = 1; i <= 100; i++) meter.createHistogram('e').record(i * 10 ** shift);
    meter.createHistogram('h').record(7);
    return (await reader.collect()).resourceMetrics.scopeMetrics as unknown as CollectedScope[];
  }

  it('add up kind by kind: a gauge stays apart, an exponential histogram takes the coarser scale', async () => {
    const merged = addUp([{ scopes: await scopes() }, { scopes: await scopes(3), worker: 7 }]);
    const points = Object.fromEntries(
      merged[0]!.metrics.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints]),
    ) as Record<string, any[]>;
    expect(points.open!.map(({ value }) => value)).to.deep.equal([2]);
    expect(points.n!.map(({ value }) => value)).to.deep.equal([2]);
    expect(points.g!.map(({ attributes }) => attributes)).to.deep.equal([{}, { 'worker.id': 7 }]);
    expect(points.h![0].value).to.include({ count: 2, sum: 14 });
    const { count, sum, positive } = points.e![0].value;
    expect([count, sum]).to.deep.equal([200, 5050 + 5_050_000]);
    expect(positive.bucketCounts.reduce((all: number, each: number) => all + each, 0)).to.equal(200);
  });

  it('leave what was counted when a worker is gone', async () => {
    const names = lasting(await scopes()).flatMap(({ metrics }) =>
      metrics.map(({ descriptor }) => descriptor.name),
    );
    expect(names).to.have.members(['n', 'e', 'h']);
  });
});
