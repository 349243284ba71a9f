/** Mongoose is seen through its driver, which it brings itself, against the stub of the wire protocol. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { mongodb } from '../../instrumentation/mongodb.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { runNode } from '../support/child.ts';
import { type MongoStub, startMongoStub } from '../support/mongo-stub.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

// Its types do not know what the stub holds.
const mongoose: any = createRequire(import.meta.url)('mongoose');
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;

describe('mongoose, against a stub of the wire protocol', () => {
  let process: ArmedProcess;
  let stub: MongoStub;
  let Order: any;
  let connection: any;

  before(async () => {
    stub = await startMongoStub();
    process = armed([mongodb()]);
    connection = mongoose.createConnection(`mongodb://127.0.0.1:${stub.port}/test`);
    const options = { autoCreate: false, autoIndex: false, versionKey: false };
    Order = connection.model('Order', new mongoose.Schema({ _id: Number, name: String }, options));
    await Order.find();
  });

  beforeEach(() => {
    process.spans.length = 0;
  });

  after(async () => {
    await connection?.close();
    await process?.stop();
    await stub?.close();
  });

  it('has one span for each statement, under the work that asked, whose id it keeps', async () => {
    await process.within('reader', async (work) => {
      await Order.create({ _id: 7, name: 's3cret' });
      const found = await Order.find({ name: 's3cret' }).lean();
      expect(found).to.have.length(1);
      expect(correlationHere()).to.equal('reader');
      expect(process.calls().map(({ name }) => name)).to.deep.equal(['insert orders', 'find orders']);
      expect(process.calls()[1]?.attributes['db.response.returned_rows']).to.equal(1);
      for (const span of process.calls())
        expect(span.parentSpanContext?.spanId).to.equal(work.spanContext().spanId);
    });
    const told = process.calls().map(({ attributes, status }) => ({ attributes, status }));
    expect(JSON.stringify(told)).to.not.include('s3cret');
  });

  it('has the error of a document that is refused, as the app gets it', async () => {
    const error = await process.within('writer', () =>
      Order.create({ _id: 7, name: 's3cret' }).then(
        () => undefined,
        (reason: unknown) => reason,
      ),
    );
    expect(error).to.include({ code: 11000 });
    expect(process.calls()[0]?.attributes).to.include({ 'error.type': '11000' });
  });

  it('ends a cursor with its last row', async () => {
    const seen: (string | undefined)[] = [];
    await process.within('cursor', async () => {
      for await (const row of Order.find().cursor()) seen.push(row && correlationHere());
    });
    expect(seen).to.deep.equal(['cursor']);
    expect(process.calls().map(({ name }) => name)).to.deep.equal(['find orders']);
  });

  it('1,000 interleaved statements mix no ids (A29)', async () => {
    const ask = (id: string): Promise<void> =>
      process.within(id, async () => {
        await Order.find().lean();
        expect(correlationHere()).to.equal(id);
      });
    await Promise.all(Array.from({ length: 1_000 }, (_, at) => ask(`request-${at}`)));
    expect(new Set(process.calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(1_000);
  }).timeout(20_000);
});

describe('mongoose in an app that is an ES module, against a stub of the wire protocol', () => {
  it('has one span for each statement, under the work that asked', async () => {
    const stub = await startMongoStub();
    const sink = await startSink();
    const folder = appFolder(['mongoose']);
    writeFileSync(
      join(folder, 'app.mjs'),
      `import mongoose from 'mongoose';
      import { getLogger, withSpan } from 'sonde';
      await mongoose.connect('mongodb://127.0.0.1:${stub.port}/test');
      const options = { autoCreate: false, autoIndex: false, versionKey: false };
      const Order = mongoose.model('Order', new mongoose.Schema({ _id: Number, name: String }, options));
      await withSpan('work', async () => {
        await Order.find({ name: 's3cret' });
        getLogger('app').info('found');
      });
      await mongoose.disconnect();`,
    );
    const ended = await runNode(['--require', 'sonde/register', 'app.mjs'], {
      cwd: folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    });
    await sink.close();
    await stub.close();
    expect(ended.code, ended.stderr).to.equal(0);
    const work = sink.spans().find(({ name }) => name === 'work');
    const within = sink.spans().filter(({ parentSpanId }) => parentSpanId === work?.spanId);
    expect(within.map(({ name }) => name)).to.deep.equal(['find orders']);
    expect(ended.lines.find(({ message }) => message === 'found')?.span_id).to.equal(work?.spanId);
    expect(JSON.stringify(within.map(({ attributes }) => attributes))).to.not.include('s3cret');
  }).timeout(30_000);
});
