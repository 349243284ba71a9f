import { expect } from 'chai';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { redis } from '../../instrumentation/redis.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { requireOf } from '../support/installed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';
import { requireRedis } from '../support/services.ts';

const metric = 'db.client.operation.duration';
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
const caught = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** One client library in the few words that this suite needs. */
interface Library {
  readonly name: string;
  readonly make: () => Instrumentation;
  open(port?: number): any;
  close(client: any): unknown;
  /** Calls `heard` with what is published on `channel`. */
  subscribe(client: any, channel: string, heard: () => void): Promise<unknown>;
  connect(client: any): Promise<unknown>;
  pipeline(client: any): Promise<unknown>;
  transaction(client: any): Promise<unknown>;
  send(client: any, ...args: string[]): Promise<unknown>;
  /** A client of this URL, which connects when it is told to. */
  openUrl(url: string): any;
  /** What a transaction whose watched key has changed does, and its `error.type`. */
  readonly watched: readonly [outcome: string, error: string | undefined];
  patched(client: any): object[];
  readonly apps: readonly string[];
}

function ownerOf(start: any, method: string): object {
  let at = start;
  while (!Object.hasOwn(at, method)) at = Object.getPrototypeOf(at);
  return at;
}

const nodeRedis = (name: string): Library => {
  const { createClient } = requireOf(name)('redis');
  return {
    name,
    make: redis,
    open: (port = 6379) =>
      createClient({ socket: { host: '127.0.0.1', port, reconnectStrategy: false } }).on('error', () => {}),
    close: (client) => client.close(),
    connect: (client) => client.connect(),
    pipeline: (client) => client.multi().set('sonde:p', 's3cret').get('sonde:p').execAsPipeline(),
    transaction: (client) => client.multi().set('sonde:p', 's3cret').get('sonde:p').exec(),
    send: (client, ...args) => client.sendCommand(args),
    openUrl: (url) => createClient({ url, socket: { reconnectStrategy: false } }).on('error', () => {}),
    watched: ['WatchError', 'WatchError'],
    patched: (client) => [ownerOf(client, 'sendCommand')],
    subscribe: (client, channel, heard) => client.subscribe(channel, heard),
    apps: ['node-redis-require.cjs', 'node-redis-named.mjs', 'node-redis-dynamic.cjs'],
  };
};

const ioRedis = (name: string, library = name): Library => {
  const { Redis, Pipeline } = requireOf(name)(library);
  return {
    name,
    make: ioredis,
    open: (port = 6379) =>
      new Redis({ host: '127.0.0.1', port, lazyConnect: true, retryStrategy: () => null }).on(
        'error',
        () => {},
      ),
    close: (client) => client.disconnect(),
    connect: (client) => client.connect(),
    pipeline: (client) => client.pipeline().set('sonde:p', 's3cret').get('sonde:p').exec(),
    transaction: (client) => client.multi().set('sonde:p', 's3cret').get('sonde:p').exec(),
    send: (client, ...args) => client.call(...args),
    openUrl: (url) => new Redis(url, { lazyConnect: true, retryStrategy: () => null }).on('error', () => {}),
    watched: ['null', undefined],
    patched: () => [Redis.prototype, Pipeline.prototype],
    subscribe: (client, channel, heard) => client.on('message', heard).subscribe(channel),
    apps: [`${library}-require.cjs`, `${library}-named.mjs`],
  };
};

const libraries = [
  nodeRedis('redis'),
  nodeRedis('redis-5'),
  ioRedis('ioredis'),
  ioRedis('ioredis-5', 'ioredis'),
  ioRedis('iovalkey'),
];

for (const library of libraries) {
  describe(library.name, () => {
    let client: any;

    before(async function () {
      await requireRedis(this);
      client = library.open();
      await library.connect(client);
      await client.set('sonde:text', 'tea');
    });

    after(() => client && library.close(client));

    instrumentationContract({
      name: library.make().name,
      make: library.make,
      metric,
      patched: () => library.patched(client),
      succeed: () => client.get('sonde:text'),
      fail: () => caught(library.send(client, 'LPUSH', 'sonde:text', 's3cret')),
      errorType: 'WRONGTYPE',
      before: requireRedis,
      apps: library.apps,
      spanName: 'GET',
    });

    describe('traces', () => {
      let process: ArmedProcess;
      const names = () => process.calls().map(({ name }) => name);

      beforeEach(() => {
        process = armed([library.make()]);
      });

      afterEach(() => process.stop());

      it('a command with the attributes of the semantic conventions', async () => {
        await client.set('sonde:other', 's3cret');
        const [span] = process.calls();
        expect(span?.name).to.equal('SET');
        expect(span?.attributes).to.deep.equal({
          'db.system.name': 'redis',
          'db.namespace': '0',
          'db.operation.name': 'SET',
          'db.query.text': 'SET ? ?',
          'server.address': '127.0.0.1',
        });
      });

      it('no key, no value, and nothing of an error that quotes one', async () => {
        await library.send(client, 'EVAL', 'return ARGV[1]', '1', 's3cret-key', 's3cret-value');
        await caught(library.send(client, 'no such command', 's3cret'));
        await caught(library.send(client, 'NOSUCH', 's3cret'));
        await library.send(client, 'MSET', 's3cret:1', 's3cret', 's3cret:2', 's3cret');
        const seen = process.calls().map(({ name, attributes, status }) => ({ name, attributes, status }));
        expect(seen.map(({ name }) => name)).to.deep.equal(['EVAL', 'OTHER', 'NOSUCH', 'MSET']);
        expect(seen[3]?.attributes['db.query.text']).to.equal('MSET ? ? ? ...');
        expect(JSON.stringify(seen).toLowerCase()).to.not.include('s3cret');
      });

      it('a pipeline and a transaction, each as one call with its size', async () => {
        await library.pipeline(client);
        await library.transaction(client);
        expect(names()).to.deep.equal(['PIPELINE', 'MULTI']);
        expect(process.calls().map(({ attributes }) => attributes['db.operation.batch.size'])).to.deep.equal([
          2, 2,
        ]);
      });

      it('a pipeline and a transaction of one command alone, by its name', async () => {
        const sets = (batch: any) => batch.set('sonde:p', 's3cret').set('sonde:p', 's3cret');
        const pipeline = sets(client.pipeline?.() ?? client.multi());
        await (pipeline.execAsPipeline?.() ?? pipeline.exec());
        await sets(client.multi()).exec();
        expect(names()).to.deep.equal(['PIPELINE SET', 'MULTI SET']);
      });

      it('a command that fails in a pipeline or a transaction, as the failure of the call', async () => {
        const failing = (batch: any) => batch.set('sonde:p', 's3cret').incr('sonde:p').get('sonde:p');
        const batch = () => failing(client.multi());
        const pipeline = () => (client.pipeline === undefined ? batch() : failing(client.pipeline()));
        const run = (each: any) => (each.execAsPipeline === undefined ? each.exec() : each.execAsPipeline());
        await caught(run(pipeline()));
        await caught(batch().exec());
        const seen = process.calls().map(({ name, attributes, status }) => ({ name, attributes, status }));
        expect(seen.map(({ name }) => name)).to.deep.equal(['PIPELINE', 'MULTI']);
        for (const { attributes } of seen) {
          const first = { 'error.type': 'ERR', 'db.response.status_code': 'ERR' };
          expect(attributes).to.include({ 'db.operation.batch.size': 3, ...first });
        }
        expect(JSON.stringify(seen)).to.not.include('s3cret');
      });

      it('a transaction that the server refuses whole', async () => {
        const multi = client.multi().set('sonde:p', 's3cret');
        const wrong = multi.addCommand?.(['NOSUCH', 's3cret']) ?? multi.call('NOSUCH', 's3cret');
        const error = await caught(wrong.exec());
        expect(error).to.be.instanceOf(Error);
        const [span, ...more] = process.calls();
        expect(more).to.deep.equal([]);
        expect(span?.attributes['error.type']).to.be.oneOf(['ERR', 'EXECABORT']);
        expect(JSON.stringify([span?.attributes, span?.status])).to.not.include('s3cret');
      });

      it('a transaction whose watched key has changed', async () => {
        const other = library.open();
        await library.connect(other);
        await client.watch('sonde:p');
        await other.set('sonde:p', 'changed');
        await library.close(other);
        const outcome = await client
          .multi()
          .get('sonde:p')
          .exec()
          .catch((error: Error) => error.constructor.name);
        const multi = process.calls().find(({ name }) => name.startsWith('MULTI'));
        expect([String(outcome), multi?.attributes['error.type']]).to.deep.equal(library.watched);
      });

      it('the database that was selected last', async () => {
        const fresh = library.open();
        await library.connect(fresh);
        await fresh.select(3);
        await fresh.get('sonde:absent');
        await fresh.multi().get('sonde:absent').select(2).exec();
        await fresh.get('sonde:absent');
        await library.close(fresh);
        const databases = process.calls().map(({ attributes }) => attributes['db.namespace']);
        expect(databases.slice(1)).to.deep.equal(['3', '3', '2']);
      });

      it('the server and the database of a URL, and nothing else of it', async () => {
        const refused = library.openUrl('redis://s3cret-user:s3cret-pwd@127.0.0.1:1/7?user_pwd=s3cret');
        await process.within('refused', () => caught(library.connect(refused)));
        const [{ name, attributes, status, events } = {} as any] = process.calls();
        const place = { 'db.namespace': '7', 'server.address': '127.0.0.1', 'server.port': 1 };
        expect(attributes).to.include(place);
        expect(JSON.stringify({ name, attributes, status, events })).to.not.include('s3cret');
      });

      it('what is on its way when the connection is cut off', async () => {
        const fresh = library.open();
        await library.connect(fresh);
        const answer = caught(library.send(fresh, 'BLPOP', 'sonde:absent', '0'));
        await library.send(client, 'PING');
        (fresh.destroy ?? fresh.disconnect).call(fresh);
        expect(await answer).to.be.instanceOf(Error);
        const blocked = process.calls().find(({ name }) => name === 'BLPOP');
        expect(blocked?.attributes['error.type']).to.be.a('string');
      });

      it('hits and misses of lookups (A58)', async () => {
        await client.get('sonde:text');
        await client.get('sonde:absent');
        await client.get('sonde:absent');
        expect((await process.points('cache.hits')).map(({ count }) => count)).to.deep.equal([1]);
        expect((await process.points('cache.misses')).map(({ count }) => count)).to.deep.equal([2]);
      });

      it('a server nobody runs, under the work that asked', async () => {
        const refused = library.open(1);
        await process.within('refused', () => caught(library.connect(refused)));
        const [span] = process.calls();
        expect(span?.name).to.equal('CONNECT 0');
        expect(span?.attributes).to.include({ 'server.port': 1 });
        expect(span?.attributes['error.type']).to.be.a('string');
      });
    });

    describe('keeps contexts apart', () => {
      let process: ArmedProcess;

      beforeEach(() => {
        process = armed([library.make()]);
      });

      afterEach(() => process.stop());

      it('1,000 interleaved commands over one connection mix no ids (A29)', async () => {
        const ask = (id: string): Promise<void> =>
          process.within(id, async (span) => {
            expect(await library.send(client, 'ECHO', id)).to.equal(id);
            expect(correlationHere()).to.equal(id);
            expect(stampOf(activeContext()).spanId).to.equal(span.spanContext().spanId);
          });
        await Promise.all(Array.from({ length: 1000 }, (_, at) => ask(`request-${at}`)));
        expect(new Set(process.calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(1000);
      }).timeout(20_000);

      it('lets a connection belong to nobody: its events and its subscribers', async () => {
        const seen: unknown[] = [];
        const listener = library.open();
        listener.on('ready', () => seen.push(activeContext()));
        const message = new Promise<void>((resolve) => {
          const heard = () => {
            seen.push(activeContext());
            resolve();
          };
          void process.within('opener', async () => {
            await library.connect(listener);
            await library.subscribe(listener, 'sonde:news', heard);
            await client.publish('sonde:news', 'hello');
          });
        });
        await message;
        await library.close(listener);
        expect(seen).to.have.length.of.at.least(2);
        expect(seen.every((context) => context === rootContext)).to.equal(true);
      });
    });
  });
}
