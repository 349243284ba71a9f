import { once } from 'node:events';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { tedious } from '../../instrumentation/tedious.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';
import { startTdsStub, type TdsStub } from '../support/tds-stub.ts';

const { Connection, Request, TYPES } = createRequire(import.meta.url)('tedious');
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
const caught = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('tedious, against a stub of the TDS protocol', () => {
  let stub: TdsStub;
  let connection: any;

  function open(port = stub.port): any {
    const options = { port, encrypt: false, trustServerCertificate: true, database: 'shop' };
    const authentication = { type: 'default', options: { userName: 'sa', password: 's3cret' } };
    return new Connection({ server: '127.0.0.1', authentication, options });
  }
  const connected = (fresh: any): Promise<void> =>
    new Promise((resolve, reject) => {
      fresh.connect((error?: Error) => (error ? reject(error) : resolve()));
    });

  /** One request; what it resolves with tells in whose context its callback and its rows came. */
  function ask(text: string, method = 'execSql', values: Record<string, unknown> = {}): Promise<string[]> {
    const seen: string[] = [];
    return new Promise((resolve, reject) => {
      const request = new Request(text, (error: unknown) => {
        seen.push(`callback ${correlationHere()}`);
        if (error) reject(error);
        else resolve(seen);
      });
      for (const [name, value] of Object.entries(values)) request.addParameter(name, TYPES.NVarChar, value);
      request.on('row', () => seen.push(`row ${correlationHere()}`));
      connection[method](request);
    });
  }

  before(async () => {
    stub = await startTdsStub();
    connection = open();
    await connected(connection);
  });

  after(async () => {
    connection?.close();
    await stub?.close();
  });

  instrumentationContract({
    name: 'tedious',
    make: tedious,
    metric: 'db.client.operation.duration',
    patched: () => [Connection.prototype],
    succeed: () => ask('SELECT id FROM orders'),
    fail: () => caught(ask('SELECT id FROM missing')),
    errorType: '208',
    apps: ['tedious-require.cjs', 'tedious-named.mjs'],
    spanName: 'SELECT orders',
  });

  describe('traces', () => {
    let process: ArmedProcess;
    const names = () => process.calls().map(({ name }) => name);

    beforeEach(() => {
      process = armed([tedious()]);
    });

    afterEach(() => process.stop());

    it('a request with the attributes of the semantic conventions', async () => {
      await ask("SELECT id FROM orders WHERE name = N's3cret' AND [id] IN (1, 2) AND a = @a", 'execSql', {
        a: 's3cret',
      });
      const [span] = process.calls();
      expect(span?.name).to.equal('SELECT orders');
      expect(span?.attributes).to.deep.equal({
        'db.system.name': 'microsoft.sql_server',
        'db.namespace': 'shop',
        'db.operation.name': 'SELECT',
        'db.collection.name': 'orders',
        'db.query.summary': 'SELECT orders',
        'db.query.text': 'SELECT id FROM orders WHERE name = ? AND [id] IN (?) AND a = @a',
        'server.address': '127.0.0.1',
        'server.port': stub.port,
        'db.response.returned_rows': 2,
      });
    });

    it('a batch and a procedure, with rows and callback in the context of the caller', async () => {
      for (const [text, method] of [
        ['SELECT id FROM orders', 'execSqlBatch'],
        ['dbo.list_orders', 'callProcedure'],
      ] as const) {
        const seen = await process.within(method, () => ask(text, method));
        expect(seen).to.deep.equal([`row ${method}`, `row ${method}`, `callback ${method}`]);
      }
      expect(names()).to.deep.equal(['SELECT orders', 'EXECUTE']);
      expect(process.calls()[1]?.attributes['db.query.text']).to.equal('EXECUTE dbo.list_orders');
    });

    it('an error of the server by its number, without what its message quotes', async () => {
      const error = await caught(ask("SELECT 's3cret' FROM missing"));
      expect(error).to.include({ number: 208, code: 'EREQUEST' });
      const [{ name, attributes, status } = {} as any] = process.calls();
      expect(attributes).to.include({ 'error.type': '208', 'db.response.status_code': '208' });
      expect(JSON.stringify({ name, attributes, status })).to.not.include('s3cret');
    });

    it('the statements of a transaction', async () => {
      const called = (run: (done: (error: unknown) => void) => void): Promise<void> =>
        new Promise((resolve, reject) => run((error) => (error ? reject(error) : resolve())));
      await process.within('transaction', async () => {
        await called((done) => connection.beginTransaction(done));
        await ask('SELECT id FROM orders');
        await called((done) => connection.commitTransaction(done));
        expect(correlationHere()).to.equal('transaction');
      });
      expect(process.calls().map(({ attributes }) => attributes['db.operation.name'])).to.deep.equal([
        'BEGIN',
        'SELECT',
        'COMMIT',
      ]);
    });

    it('a request that is executed twice, each time once', async () => {
      let done = () => {};
      const request = new Request('SELECT id FROM orders', () => done());
      for (const _ of [1, 2])
        await new Promise<void>((resolve) => {
          done = resolve;
          connection.execSql(request);
        });
      expect(names()).to.deep.equal(['SELECT orders', 'SELECT orders']);
    });

    it('a connection nobody answers, under the work that asked', async () => {
      const error = await process.within('refused', () => caught(connected(open(1))));
      expect(error.code).to.equal('ESOCKET');
      const [span] = process.calls();
      expect(span?.name).to.equal('CONNECT shop');
      expect(span?.attributes).to.include({ 'error.type': 'ESOCKET', 'server.port': 1 });
    });

    it('lets a connection belong to nobody', async () => {
      const fresh = open();
      const seen: unknown[] = [];
      fresh.on('connect', () => seen.push(activeContext()));
      fresh.on('end', () => seen.push(activeContext()));
      await process.within('opener', () => connected(fresh));
      const ended = once(fresh, 'end');
      fresh.close();
      await ended;
      expect(seen).to.have.length(2);
      expect(seen.every((context) => context === rootContext)).to.equal(true);
    });

    it('500 requests over 5 connections mix no ids (A29)', async () => {
      const lanes = await Promise.all(
        Array.from({ length: 5 }, async () => {
          const fresh = open();
          await connected(fresh);
          return fresh;
        }),
      );
      const one = (lane: any, id: string): Promise<void> =>
        process.within(
          id,
          () =>
            new Promise<void>((resolve) => {
              const request = new Request('SELECT id FROM orders', () => {
                expect(correlationHere()).to.equal(id);
                resolve();
              });
              lane.execSql(request);
            }),
        );
      await Promise.all(
        lanes.map(async (lane, at) => {
          for (let i = 0; i < 100; i++) await one(lane, `lane ${at} ${i}`);
          lane.close();
        }),
      );
      expect(new Set(process.calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(500);
    }).timeout(20_000);
  });
});
