import { createRequire } from 'node:module';
import { expect } from 'chai';
import { MongoClient } from 'mongodb';
import { mongodb } from '../../instrumentation/mongodb.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';
import { type MongoStub, startMongoStub } from '../support/mongo-stub.ts';

const { cache } = createRequire(import.meta.url);
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
const caught = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

function internal(file: string, name: string): object {
  const path = Object.keys(cache).find((each) => each.endsWith(`/mongodb/lib/cmap/${file}.js`));
  return cache[path!]!.exports[name].prototype;
}

describe('mongodb, against a stub of the wire protocol', () => {
  let stub: MongoStub;
  let client: MongoClient;
  const orders = () => client.db('test').collection<{ _id: number; name?: string }>('orders');

  before(async () => {
    stub = await startMongoStub();
    stub.collections.set('orders', [{ _id: 1 }, { _id: 2 }]);
    client = await new MongoClient(`mongodb://127.0.0.1:${stub.port}/?maxPoolSize=4`).connect();
    await client.db('test').command({ ping: 1 });
  });

  after(async () => {
    await client?.close();
    await stub?.close();
  });

  instrumentationContract({
    name: 'mongodb',
    make: mongodb,
    metric: 'db.client.operation.duration',
    patched: () => [
      internal('connection', 'Connection'),
      internal('connection_pool', 'ConnectionPool'),
      MongoClient.prototype,
    ],
    succeed: () => orders().find().toArray(),
    fail: () => caught(client.db('test').command({ nonsense: 's3cret' })),
    errorType: 'CommandNotFound',
    apps: ['mongodb-require.cjs', 'mongodb-named.mjs', 'mongodb-dynamic.cjs'],
    spanName: 'ping',
  });

  describe('traces', () => {
    let process: ArmedProcess;

    beforeEach(() => {
      process = armed([mongodb()]);
    });

    afterEach(() => process.stop());

    it('a command with the attributes of the semantic conventions', async () => {
      await orders().find({ name: 's3cret' }).toArray();
      const [span] = process.calls();
      expect(span?.name).to.equal('find orders');
      expect(span?.attributes).to.deep.equal({
        'db.system.name': 'mongodb',
        'db.namespace': 'test',
        'db.operation.name': 'find',
        'db.collection.name': 'orders',
        'db.query.summary': 'find orders',
        'server.address': '127.0.0.1',
        'server.port': stub.port,
        'db.response.returned_rows': 2,
      });
    });

    it('a cursor batch by batch, each with its documents, under the work that reads', async () => {
      await process.within('reader', async () => {
        for await (const order of orders().find().batchSize(1)) expect(order._id).to.be.a('number');
      });
      const calls = process.calls();
      expect(
        calls.map(({ name, attributes }) => [name, attributes['db.response.returned_rows']]),
      ).to.deep.equal([
        ['find orders', 1],
        ['getMore orders', 1],
      ]);
      const parents = new Set(calls.map(({ parentSpanContext }) => parentSpanContext?.spanId));
      expect(parents.size).to.equal(1);
    });

    it('a command about no collection, without what it is about', async () => {
      await caught(client.db('test').command({ dropUser: 's3cret' }));
      const [{ name, attributes, status } = {} as any] = process.calls();
      expect(name).to.equal('dropUser');
      expect(JSON.stringify({ name, attributes, status })).to.not.include('s3cret');
    });

    it('several writes in one command, with their number', async () => {
      await orders().insertMany([{ _id: 11, name: 's3cret' }, { _id: 12 }, { _id: 13 }]);
      await orders().insertOne({ _id: 14 });
      const calls = process.calls();
      expect(calls.map(({ name }) => name)).to.deep.equal(['insert orders', 'insert orders']);
      expect(calls.map(({ attributes }) => attributes['db.operation.batch.size'])).to.deep.equal([
        3,
        undefined,
      ]);
      expect(JSON.stringify(calls.map(({ attributes }) => attributes))).to.not.include('s3cret');
    });

    it('a write that is refused inside an answer, without the document that the server quotes', async () => {
      const error = await caught(orders().insertOne({ _id: 1, name: 's3cret' }));
      expect(error.code).to.equal(11000);
      const [{ name, attributes, status } = {} as any] = process.calls();
      expect(attributes).to.include({ 'error.type': '11000', 'db.response.status_code': '11000' });
      expect(JSON.stringify({ name, attributes, status })).to.not.include('s3cret');
    });
  });

  describe('keeps contexts apart', () => {
    let process: ArmedProcess;

    beforeEach(() => {
      process = armed([mongodb()]);
    });

    afterEach(() => process.stop());

    it('500 interleaved commands over one pool mix no ids (A29)', async () => {
      const ask = (id: string): Promise<void> =>
        process.within(id, async () => {
          await orders().find().toArray();
          expect(correlationHere()).to.equal(id);
        });
      await Promise.all(Array.from({ length: 500 }, (_, at) => ask(`request-${at}`)));
      expect(new Set(process.calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(500);
    }).timeout(20_000);

    it('lets connections belong to nobody', async () => {
      const fresh = new MongoClient(`mongodb://127.0.0.1:${stub.port}/`);
      const seen: unknown[] = [];
      for (const event of ['connectionCreated', 'connectionReady', 'connectionCheckedIn'] as const)
        fresh.on(event, () => seen.push(activeContext()));
      await process.within('opener', () => fresh.db('test').command({ ping: 1 }));
      await fresh.close();
      expect(seen).to.have.length.of.at.least(3);
      expect(seen.every((context) => context === rootContext)).to.equal(true);
    });
  });
});
