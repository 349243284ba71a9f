/** Clusters and sentinels are seen through the servers that answer. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { redis } from '../../instrumentation/redis.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import {
  type RedisCluster,
  type RedisServer,
  requireRedisServer,
  startRedisCluster,
  startRedisServer,
} from '../support/redis-cluster.ts';

const require = createRequire(import.meta.url);
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
/** Keys of several servers. */
const keys = ['sonde:a', 'sonde:b', 'sonde:c', 'sonde:d', 'sonde:e', 'sonde:f'];

/** One library in the few words that this suite needs. */
interface Library {
  readonly name: string;
  make(): Instrumentation;
  open(port: number): any;
  connect(client: any): Promise<unknown>;
  close(client: any): unknown;
  /** A client of whichever server a sentinel calls the master `sonde`. */
  follow(sentinel: number): any;
  /** A command that its first server sends on is an attempt at each of them. */
  readonly sentOn: readonly (string | undefined)[];
}

const ioRedis = (name: string): Library => {
  const { Redis, Cluster } = require(name);
  return {
    name,
    make: ioredis,
    open: (port) => new Cluster([{ host: '127.0.0.1', port }], { lazyConnect: true }),
    connect: (client) => client.connect(),
    close: (client) => client.disconnect(),
    follow: (port) =>
      new Redis({ sentinels: [{ host: '127.0.0.1', port }], name: 'sonde', lazyConnect: true }),
    sentOn: [undefined],
  };
};

const libraries: readonly Library[] = [
  {
    name: 'node-redis',
    make: redis,
    open: (port) => require('redis').createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] }),
    connect: (client) => client.connect(),
    close: (client) => client.close(),
    follow: (port) =>
      require('redis').createSentinel({
        name: 'sonde',
        sentinelRootNodes: [{ host: '127.0.0.1', port }],
      }),
    sentOn: ['MOVED', undefined],
  },
  ioRedis('ioredis'),
  ioRedis('iovalkey'),
];

describe('a Redis cluster', () => {
  let servers: RedisCluster;

  before(async function () {
    this.timeout(60_000);
    requireRedisServer(this);
    servers = await startRedisCluster();
  });

  after(() => servers?.close());

  for (const library of libraries) {
    describe(`by ${library.name}`, () => {
      let process: ArmedProcess;
      let cluster: any;
      let start: number;
      const events: [name: string, isNobodys: boolean][] = [];
      const calls = () => process.calls().slice(start);
      const ports = () => servers.servers.map(({ port }) => port);

      before(async () => {
        process = armed([library.make()]);
        cluster = library.open(ports()[0]!);
        cluster.on('error', () => {});
        for (const event of ['+node', 'node-ready', 'ready', 'connect'])
          cluster.on(event, () => events.push([event, activeContext() === rootContext]));
        await process.within('opener', () => library.connect(cluster));
      });

      after(async () => {
        if (cluster !== undefined) await library.close(cluster);
        await process?.stop();
      });

      beforeEach(() => {
        start = process.calls().length;
      });

      it('has one span for each command, under the work that asked, with its node', async () => {
        await process.within('asker', async (work) => {
          for (const key of keys) {
            await cluster.set(key, 's3cret');
            expect(await cluster.get(key)).to.equal('s3cret');
            expect(correlationHere()).to.equal('asker');
          }
          expect(calls().map((span) => span.name)).to.deep.equal(keys.flatMap(() => ['SET', 'GET']));
          for (const { parentSpanContext } of calls())
            expect(parentSpanContext?.spanId).to.equal(work.spanContext().spanId);
        });
        const asked = new Set(calls().map(({ attributes }) => attributes['server.port']));
        expect(asked.size).to.be.greaterThan(1);
        expect(ports()).to.include.members([...asked]);
        expect(JSON.stringify(calls().map(({ attributes }) => attributes))).to.not.include('s3cret');
      });

      it('lets its connections belong to nobody, and tells nothing of what they say by themselves', () => {
        expect(events).to.not.be.empty;
        for (const event of events) expect(event).to.deep.equal([event[0], true]);
        const own = process.calls().filter(({ name }) => !/^(?:[SG]ET|DEL)$/.test(name));
        expect(own.map(({ name }) => name)).to.deep.equal([]);
      });

      it('has a transaction as one call, with its size', async () => {
        await cluster.multi().set('sonde:a', 's3cret').get('sonde:a').exec();
        const [span, ...more] = calls();
        expect(more).to.deep.equal([]);
        expect(span?.name).to.equal('MULTI');
        expect(span?.attributes['db.operation.batch.size']).to.equal(2);
      });

      it('follows a command that is sent on to another server, in the context of who asked', async () => {
        const key = `sonde:moved:${library.name}`;
        await servers.moveSlot(await servers.servers[0]!.client.call('CLUSTER', 'KEYSLOT', key));
        await process.within('moved', async () => {
          await cluster.set(key, 's3cret');
          expect(correlationHere()).to.equal('moved');
        });
        const errors = calls()
          .filter(({ name }) => name === 'SET')
          .map(({ attributes }) => attributes['error.type']);
        expect(errors).to.deep.equal(library.sentOn);
        await cluster.del(key);
      });

      it('500 interleaved commands mix no ids (A29)', async () => {
        const ask = (id: string, at: number): Promise<void> =>
          process.within(id, async () => {
            await cluster.get(keys[at % keys.length]);
            expect(correlationHere()).to.equal(id);
          });
        await Promise.all(Array.from({ length: 500 }, (_, at) => ask(`request-${at}`, at)));
        expect(new Set(calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(500);
      }).timeout(20_000);
    });
  }
});

describe('a Redis master that a sentinel names', () => {
  let folder: string;
  let master: RedisServer;
  let sentinel: RedisServer;

  before(async function () {
    this.timeout(60_000);
    requireRedisServer(this);
    folder = mkdtempSync(join(tmpdir(), 'sonde-sentinel-'));
    master = await startRedisServer(folder);
    sentinel = await startRedisServer(
      folder,
      [`sentinel monitor sonde 127.0.0.1 ${master.port} 1`],
      'sentinel',
    );
  });

  after(async () => {
    await sentinel?.close();
    await master?.close();
    if (folder !== undefined) rmSync(folder, { recursive: true });
  });

  for (const library of libraries) {
    describe(`by ${library.name}`, () => {
      let process: ArmedProcess;
      let client: any;

      before(async () => {
        process = armed([library.make()]);
        client = library.follow(sentinel.port);
        client.on('error', () => {});
        await process.within('opener', () => library.connect(client));
      });

      after(async () => {
        if (client !== undefined) await library.close(client);
        await process?.stop();
      });

      it('has one span for each command, under the work that asked, with the server that answers', async () => {
        const start = process.calls().length;
        await process.within('asker', async (work) => {
          await client.set('sonde:sentinel', 's3cret');
          expect(correlationHere()).to.equal('asker');
          const [span, ...more] = process.calls().slice(start);
          expect(more).to.deep.equal([]);
          expect(span?.name).to.equal('SET');
          expect(span?.parentSpanContext?.spanId).to.equal(work.spanContext().spanId);
          expect(span?.attributes).to.include({
            'server.address': '127.0.0.1',
            'server.port': master.port,
          });
        });
      });
    });
  }
});
