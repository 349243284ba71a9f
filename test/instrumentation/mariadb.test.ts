import { EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { override, ownerOf } from '../../instrumentation/override.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';
import { requireMariadb } from '../support/services.ts';

const require = createRequire(import.meta.url);
const driver = require('mariadb');
const callbacks = require('mariadb/callback');
const place = { host: '127.0.0.1', user: 'root', database: 'test' };

const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
const caught = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** A call of the callback face, as a promise; the callback tells whose context it ran in. */
const called = (run: (done: (error: unknown, result?: any) => void) => unknown): Promise<any> =>
  new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve({ result, id: correlationHere() })));
  });

/** The prototypes that do the work are in no export: emitters that are made along with a pool and a connection. */
function prototypes(): object[] {
  const made = new Set<object>();
  const restore = override(EventEmitter.prototype, 'on', (original) => {
    return function (this: object, ...args) {
      made.add(this);
      return original.apply(this, args);
    };
  });
  driver.createPool({ minimumIdle: 0, connectionLimit: 1 });
  driver.createConnection({ stream: () => undefined, connectTimeout: 0 });
  restore();
  return ['addCommandEnable', '_createPoolConnection'].map(
    (method) => [...made].map((each) => ownerOf(each, method)).find(Boolean)!,
  );
}

describe('mariadb', () => {
  let pool: any;

  before(async function () {
    await requireMariadb(this);
    pool = driver.createPool({ ...place, connectionLimit: 1 });
    await pool.query('CREATE TABLE IF NOT EXISTS sonde_wares (id int PRIMARY KEY, name varchar(99))');
    await pool.query("REPLACE INTO sonde_wares VALUES (1, 'tea'), (2, 'pot')");
  });

  after(() => pool?.end());

  instrumentationContract({
    name: 'mariadb',
    make: mariadb,
    metric: 'db.client.operation.duration',
    patched: prototypes,
    succeed: () => pool.query('SELECT * FROM sonde_wares'),
    fail: () => caught(pool.query('INSERT INTO sonde_wares VALUES (?, ?)', [1, 'tea'])),
    errorType: 'ER_DUP_ENTRY',
    before: requireMariadb,
    apps: [
      'mariadb-require.cjs',
      'mariadb-named.mjs',
      'mariadb-default.mjs',
      'mariadb-callback.cjs',
      'mariadb-callback.mjs',
    ],
    spanName: 'SELECT information_schema.engines',
  });

  describe('traces', () => {
    let process: ArmedProcess;
    const names = () => process.calls().map(({ name }) => name);
    const rows = () => process.calls().map(({ attributes }) => attributes['db.response.returned_rows']);

    let pool: any;

    beforeEach(() => {
      process = armed([mariadb()]);
      pool = driver.createPool({ ...place, connectionLimit: 1 });
    });

    afterEach(async () => {
      await pool.end();
      await process.stop();
    });

    it('a query with the attributes of the semantic conventions', async () => {
      await pool.query('SELECT * FROM sonde_wares WHERE id IN (1, 2) AND name <> ?', ['x']);
      const [span] = process.calls();
      expect(span?.name).to.equal('SELECT sonde_wares');
      expect(span?.attributes).to.deep.equal({
        'db.system.name': 'mariadb',
        'db.namespace': 'test',
        'db.operation.name': 'SELECT',
        'db.collection.name': 'sonde_wares',
        'db.query.summary': 'SELECT sonde_wares',
        'db.query.text': 'SELECT * FROM sonde_wares WHERE id IN (?) AND name <> ?',
        'server.address': '127.0.0.1',
        'db.response.returned_rows': 2,
      });
    });

    it('executions, and statements prepared by hand, once each', async () => {
      await pool.execute('SELECT * FROM sonde_wares WHERE id = ?', [1]);
      const lent = await pool.getConnection();
      const statement = await lent.prepare('SELECT name FROM sonde_wares WHERE id > ?');
      await statement.execute([0]);
      await statement.execute([1]);
      statement.close();
      await lent.release();
      expect(names()).to.deep.equal(Array(3).fill('SELECT sonde_wares'));
      expect(rows()).to.deep.equal([1, 2, 1]);
    });

    for (const bulk of [true, false]) {
      it(`a batch as one call (${bulk ? 'in bulk' : 'row by row'})`, async () => {
        await pool.batch({ sql: 'REPLACE INTO sonde_wares VALUES (?, ?)', bulk }, [
          [1, 'tea'],
          [2, 's3cret'],
        ]);
        const [span, ...more] = process.calls();
        expect(more).to.deep.equal([]);
        expect(span?.attributes['db.operation.batch.size']).to.equal(2);
        expect(span?.attributes).to.not.have.property('db.response.returned_rows');
        expect(JSON.stringify(span?.attributes)).to.not.include('s3cret');
      });
    }

    it('a stream, which ends with its last row, in the context of the caller', async () => {
      const lent = await pool.getConnection();
      const seen: (string | undefined)[] = [];
      await process.within('stream', async () => {
        const stream = lent.queryStream('SELECT * FROM sonde_wares');
        stream.on('data', () => seen.push(correlationHere()));
        await once(stream, 'end');
      });
      await lent.query('SELECT 1');
      await lent.release();
      expect(seen).to.deep.equal(['stream', 'stream']);
      expect(rows()).to.deep.equal([2, 1]);
    });

    it('the statements of a transaction, and none that was not sent', async () => {
      const lent = await pool.getConnection();
      await lent.beginTransaction();
      await lent.query('SELECT 1');
      await lent.rollback();
      await lent.rollback();
      await lent.release();
      expect(names()).to.deep.equal(['START', 'SELECT', 'ROLLBACK']);
    });

    it('no parameter value, no literal, and nothing of an error, which quotes both (literals never leave)', async () => {
      await caught(pool.query('INSERT INTO sonde_wares VALUES (1, ?)', ['s3cret']));
      await caught(pool.query("SELECT 's3cret unfinished"));
      await caught(pool.execute('SELECT ?, "s3cret" FROM sonde_missing', ['s3cret']));
      const seen = process.calls().map(({ name, attributes, status }) => ({ name, attributes, status }));
      expect(seen.map(({ attributes }) => attributes['error.type'])).to.deep.equal([
        'ER_DUP_ENTRY',
        'ER_PARSE_ERROR',
        'ER_NO_SUCH_TABLE',
      ]);
      expect(JSON.stringify(seen)).to.not.include('s3cret');
    });

    it('a connection nobody answers, under the work that asked', async () => {
      const error = await process.within('refused', () =>
        caught(driver.createConnection({ ...place, port: 1 })),
      );
      expect(error.code).to.equal('ECONNREFUSED');
      const [span] = process.calls();
      expect(span?.name).to.equal('CONNECT test');
      expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
      expect(span?.attributes).to.include({ 'error.type': 'ECONNREFUSED', 'server.port': 1 });
    });

    it('nothing of what a new connection sets up for itself', async () => {
      const options = { ...place, initSql: 'SET @sonde = 1', sessionVariables: { wait_timeout: 100 } };
      const connection = await driver.createConnection(options);
      await connection.query('SELECT @sonde');
      await connection.end();
      expect(names()).to.deep.equal(['SELECT']);
    });

    it('a pool of pools', async () => {
      const cluster = driver.createPoolCluster();
      cluster.add('one', { ...place, connectionLimit: 1 });
      const lent = await cluster.getConnection('one');
      await lent.query('SELECT * FROM sonde_wares');
      await lent.release();
      await cluster.end();
      expect(names()).to.deep.equal(['SELECT sonde_wares']);
    });

    it('the callback face: queries, executions, batches, events and streams, each in the context of its caller', async () => {
      const plain = callbacks.createConnection(place);
      const ids: (string | undefined)[] = [];
      await process.within('callbacks', async () => {
        ids.push((await called((done) => plain.query('SELECT * FROM sonde_wares', done))).id);
        ids.push((await called((done) => plain.execute('SELECT ? AS a', [1], done))).id);
        const replace = 'REPLACE INTO sonde_wares VALUES (?, ?)';
        ids.push((await called((done) => plain.batch(replace, [[2, 'pot']], done))).id);
        const query = plain.query('SELECT * FROM sonde_wares');
        query.on('data', () => ids.push(correlationHere()));
        await once(query, 'end');
        const stream = plain.queryStream('SELECT * FROM sonde_wares');
        stream.on('data', () => ids.push(correlationHere()));
        await once(stream, 'end');
      });
      await called((done) => plain.end(done));
      expect(ids).to.deep.equal(Array(7).fill('callbacks'));
      const wares = 'SELECT sonde_wares';
      expect(names()).to.deep.equal([wares, 'SELECT', 'REPLACE sonde_wares', wares, wares]);
    });
  });

  describe('keeps contexts apart', () => {
    let process: ArmedProcess;

    beforeEach(() => {
      process = armed([mariadb()]);
    });

    afterEach(() => process.stop());

    it('1,000 interleaved queries over one pool mix no ids (A29)', async () => {
      const ask = (id: string): Promise<void> =>
        process.within(id, async (span) => {
          const [row] = await pool.query('SELECT ? AS id', [id]);
          expect(row.id).to.equal(id);
          expect(correlationHere()).to.equal(id);
          expect(stampOf(activeContext()).spanId).to.equal(span.spanContext().spanId);
        });
      await Promise.all(Array.from({ length: 1000 }, (_, at) => ask(`request-${at}`)));
      expect(new Set(process.calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(1000);
    }).timeout(20_000);

    it('lets connections belong to nobody', async () => {
      const seen: unknown[] = [];
      await process.within('opener', async () => {
        const fresh = callbacks.createPool({ ...place, connectionLimit: 1 });
        for (const event of ['connection', 'acquire', 'release'])
          fresh.on(event, () => seen.push(activeContext()));
        const { id } = await called((done) => fresh.query('SELECT 1', done));
        expect(id).to.equal('opener');
        await called((done) => fresh.end(done));
      });
      expect(seen.length).to.be.at.least(2);
      expect(seen.every((context) => context === rootContext)).to.equal(true);
    });
  });
});
