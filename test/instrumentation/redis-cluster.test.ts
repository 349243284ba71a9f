/** A cluster is seen through its nodes: one server of its own, which has all slots. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { redis } from '../../instrumentation/redis.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { freePort } from '../support/ports.ts';
import { requireRedis } from '../support/services.ts';

const require = createRequire(import.meta.url);
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;

describe('a Redis cluster', () => {
  let folder: string;
  let server: ChildProcess;
  let port: number;

  before(async function () {
    this.timeout(30_000);
    await requireRedis(this);
    port = await freePort();
    folder = mkdtempSync(join(tmpdir(), 'sonde-cluster-'));
    const bus = await freePort();
    const options = {
      port,
      'cluster-port': bus,
      bind: '127.0.0.1',
      'cluster-enabled': 'yes',
      'cluster-announce-ip': '127.0.0.1',
      dir: folder,
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
    server = spawn('redis-server', [...args, '--save', ''], { stdio: 'ignore' });
    const { Redis } = require('ioredis');
    const client = new Redis({
      host: '127.0.0.1',
      port,
      retryStrategy: () => 100,
      maxRetriesPerRequest: null,
    });
    client.on('error', () => {});
    await client.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383');
    while (!/cluster_state:ok/.test(await client.call('CLUSTER', 'INFO'))) await pause(50);
    client.disconnect();
  });

  after(async () => {
    if (server === undefined) return;
    const ended = once(server, 'exit');
    server.kill();
    await ended;
    rmSync(folder, { recursive: true });
  });

  describe('by node-redis', () => {
    let process: ArmedProcess;
    let cluster: any;

    before(async () => {
      process = armed([redis()]);
      cluster = require('redis').createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] });
      cluster.on('error', () => {});
      await cluster.connect();
    });

    after(async () => {
      await cluster?.close();
      await process.stop();
    });

    it('has one span for each command, under the work that asked, with its node', async () => {
      await process.within('asker', async (work) => {
        const before = process.calls().length;
        await cluster.set('sonde:cluster', 's3cret');
        expect(await cluster.get('sonde:cluster')).to.equal('s3cret');
        expect(correlationHere()).to.equal('asker');
        const spans = process.calls().slice(before);
        expect(spans.map((span) => span.name)).to.deep.equal(['SET', 'GET']);
        for (const { attributes, parentSpanContext } of spans) {
          expect(attributes).to.include({ 'server.address': '127.0.0.1', 'server.port': port });
          expect(parentSpanContext?.spanId).to.equal(work.spanContext().spanId);
        }
      });
    });

    it('has a transaction as one call, with its size', async () => {
      const before = process.calls().length;
      await cluster.multi().set('sonde:cluster', 's3cret').get('sonde:cluster').exec();
      const [span, ...more] = process.calls().slice(before);
      expect(more).to.deep.equal([]);
      expect(span?.name).to.equal('MULTI');
      expect(span?.attributes['db.operation.batch.size']).to.equal(2);
    });

    it('500 interleaved commands mix no ids (A29)', async () => {
      const before = process.calls().length;
      const ask = (id: string): Promise<void> =>
        process.within(id, async () => {
          await cluster.get('sonde:cluster');
          expect(correlationHere()).to.equal(id);
        });
      await Promise.all(Array.from({ length: 500 }, (_, at) => ask(`request-${at}`)));
      const spans = process.calls().slice(before);
      expect(new Set(spans.map((span) => span.parentSpanContext?.spanId)).size).to.equal(500);
    }).timeout(20_000);
  });
});
