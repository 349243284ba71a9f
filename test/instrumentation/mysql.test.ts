import { once } from 'node:events';
import { createRequire } from 'node:module';
import { SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { mysql } from '../../instrumentation/mysql.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';
import { requireMariadb } from '../support/services.ts';

const require = createRequire(import.meta.url);
const place = { host: '127.0.0.1', user: 'root', database: 'test', multipleStatements: true };
const metric = 'db.client.operation.duration';

const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
const caught = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

/** A call of a callback style API, as a promise; the callback tells whose context it ran in. */
const called = (run: (done: (error: unknown, result?: any) => void) => unknown): Promise<any> =>
  new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve({ result, id: correlationHere() })));
  });

for (const library of ['mysql2', 'mysql']) {
  const driver = require(library);
  const loaded = (file: string) => {
    const path = Object.keys(require.cache).find((each) =>
      each.endsWith(`/node_modules/${library}/lib/${file}`),
    );
    return require.cache[path!]!.exports.prototype;
  };
  const files = library === 'mysql2' ? ['base/connection.js', 'base/pool.js'] : ['Connection.js', 'Pool.js'];

  describe(library, () => {
    let pool: any;

    before(async function () {
      await requireMariadb(this);
      pool = driver.createPool({ ...place, connectionLimit: 4 });
      await called((done) =>
        pool.query('CREATE TABLE IF NOT EXISTS sonde_goods (id int PRIMARY KEY, name varchar(99))', done),
      );
      await called((done) => pool.query("REPLACE INTO sonde_goods VALUES (1, 'tea'), (2, 'pot')", done));
    });

    after(() => called((done) => pool?.end(done)));

    instrumentationContract({
      name: 'mysql',
      make: mysql,
      metric,
      patched: () => [...files.map(loaded), driver],
      succeed: () => called((done) => pool.query('SELECT * FROM sonde_goods', done)),
      fail: () =>
        caught(called((done) => pool.query('INSERT INTO sonde_goods VALUES (?, ?)', [1, 'tea'], done))),
      errorType: 'ER_DUP_ENTRY',
      before: requireMariadb,
      apps:
        library === 'mysql2'
          ? [
              'mysql-require.cjs',
              'mysql-named.mjs',
              'mysql-default.mjs',
              'mysql-promise.mjs',
              'mysql-dynamic.cjs',
            ]
          : ['mysql-old.mjs'],
      spanName: 'SELECT information_schema.engines',
    });

    describe('traces', () => {
      let process: ArmedProcess;
      const names = () => process.calls().map(({ name }) => name);

      beforeEach(() => {
        process = armed([mysql()]);
      });

      afterEach(() => process.stop());

      it('a query with the attributes of the semantic conventions', async () => {
        await called((done) =>
          pool.query('SELECT * FROM sonde_goods WHERE id IN (1, 2) AND name <> ?', ['x'], done),
        );
        const [span] = process.calls();
        expect(span?.name).to.equal('SELECT sonde_goods');
        expect(span?.attributes).to.deep.equal({
          'db.system.name': 'mysql',
          'db.namespace': 'test',
          'db.operation.name': 'SELECT',
          'db.collection.name': 'sonde_goods',
          'db.query.summary': 'SELECT sonde_goods',
          'db.query.text': 'SELECT * FROM sonde_goods WHERE id IN (?) AND name <> ?',
          'server.address': '127.0.0.1',
          'db.response.returned_rows': 2,
        });
      });

      it('a query by its events and as a stream, in the context of the caller', async () => {
        const seen: (string | undefined)[] = [];
        await process.within('events', async () => {
          const query = pool.query('SELECT * FROM sonde_goods');
          for (const event of ['fields', 'result', 'end'])
            query.on(event, () => seen.push(correlationHere()));
          await once(query, 'end');
        });
        await process.within('stream', async () => {
          const stream = pool.query('SELECT * FROM sonde_goods').stream();
          stream.on('data', () => seen.push(correlationHere()));
          await once(stream, 'end');
        });
        expect(seen).to.deep.equal(['events', 'events', 'events', 'events', 'stream', 'stream']);
        expect(names()).to.deep.equal(['SELECT sonde_goods', 'SELECT sonde_goods']);
        expect(process.calls()[0]?.attributes['db.response.returned_rows']).to.equal(2);
      });

      it('a query through a cluster of pools, once', async () => {
        const cluster = driver.createPoolCluster();
        cluster.add('first', place);
        const { id } = await process.within('cluster', () =>
          called((done) => cluster.of('*').query('SELECT * FROM sonde_goods', done)),
        );
        expect(id).to.equal('cluster');
        expect(names()).to.deep.equal(['SELECT sonde_goods']);
        await called((done) => cluster.end(done));
      });

      it('a query that fails without a callback', async () => {
        const [error] = await once(pool.query('SELECT * FROM sonde_missing'), 'error');
        expect(error.code).to.equal('ER_NO_SUCH_TABLE');
        expect(process.calls()[0]?.attributes).to.include({
          'error.type': 'ER_NO_SUCH_TABLE',
          'db.response.status_code': '1146',
        });
      });

      const sleeping: Record<string, (connection: any) => Promise<unknown>> = {
        callback: (connection) => called((done) => connection.query('SELECT SLEEP(60)', done)),
        event: (connection) =>
          new Promise((_, reject) => {
            connection.query('SELECT SLEEP(60)').on('error', reject);
            // To commands without a callback mysql2 itself says nothing.
            connection.on('error', reject);
          }),
      };
      for (const [style, ask] of Object.entries(sleeping)) {
        it(`a query that is cut off, by its ${style}`, async () => {
          const connection = driver.createConnection(place);
          connection.on('error', () => {});
          await called((done) => connection.connect(done));
          const cut = process.within('asker', () => caught(ask(connection)));
          const under = 'SELECT 1 FROM information_schema.processlist WHERE id = ? AND info IS NOT NULL';
          const isUnderWay = () => called((done) => pool.query(under, [connection.threadId], done));
          while ((await isUnderWay()).result.length === 0);
          await called((done) => pool.query('KILL ?', [connection.threadId], done));
          expect(await cut).to.be.instanceOf(Error);
          const [asked, ...more] = process
            .calls()
            .filter(({ attributes }) => attributes['db.query.text'] === 'SELECT SLEEP(?)');
          expect(more).to.deep.equal([]);
          expect(asked?.attributes['error.type']).to.equal((await cut).code);
        });
      }

      it('a query whose answer takes too long', async () => {
        const error = await caught(
          called((done) => pool.query({ sql: 'SELECT SLEEP(1)', timeout: 20 }, done)),
        );
        expect(error.code).to.equal('PROTOCOL_SEQUENCE_TIMEOUT');
        expect(process.calls().map(({ attributes }) => attributes['error.type'])).to.deep.equal([error.code]);
      });

      it('several statements in one text as one call', async () => {
        await called((done) => pool.query('SELECT 1 AS a; SELECT * FROM sonde_goods', done));
        expect(names()).to.deep.equal(['SELECT SELECT sonde_goods']);
        expect(process.calls()[0]?.attributes['db.response.returned_rows']).to.equal(3);
      });

      it('no parameter value, no literal, and nothing of an error that quotes one (literals never leave)', async () => {
        const values = ['s3cret-value', { name: 's3cret-field' }];
        await caught(called((done) => pool.query('SELECT ?, "s3cret-text" FROM dual WHERE ?', values, done)));
        await caught(called((done) => pool.query('INSERT INTO sonde_goods VALUES (1, ?)', ['s3cret'], done)));
        await caught(called((done) => pool.query("SELECT 's3cret unfinished", done)));
        const seen = process.calls().map(({ name, attributes, status }) => ({ name, attributes, status }));
        expect(seen).to.have.length(3);
        expect(JSON.stringify(seen)).to.not.include('s3cret');
      });

      it('throws what the driver throws for what is no query', () => {
        expect(() => pool.query(null)).to.throw(TypeError);
      });

      it('a connection nobody answers, under the work that asked', async () => {
        const refused = driver.createPool({ ...place, port: 1 });
        const error = await process.within('refused', () =>
          caught(called((done) => refused.query('SELECT 1', done))),
        );
        expect(error.code).to.equal('ECONNREFUSED');
        const [span] = process.calls();
        expect(span?.name).to.equal('CONNECT test');
        expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
        expect(span?.attributes).to.include({ 'error.type': 'ECONNREFUSED', 'server.port': 1 });
        await called((done) => refused.end(done));
      });

      it('the statements of a transaction', async () => {
        const { result: lent } = await called((done) => pool.getConnection(done));
        await called((done) => lent.beginTransaction(done));
        await called((done) => lent.query('SELECT 1', done));
        await called((done) => lent.rollback(done));
        lent.release();
        expect(names()).to.deep.equal(['START', 'SELECT', 'ROLLBACK']);
      });

      if (library === 'mysql2') {
        it('prepared statements, executed and prepared by hand', async () => {
          await called((done) => pool.execute('SELECT * FROM sonde_goods WHERE id = ?', [1], done));
          const { result: lent } = await called((done) => pool.getConnection(done));
          const { result: statement } = await called((done) =>
            lent.prepare('SELECT name FROM sonde_goods WHERE id = ?', done),
          );
          const { id } = await process.within('by hand', () =>
            called((done) => statement.execute([2], done)),
          );
          expect(id).to.equal('by hand');
          statement.close();
          lent.release();
          expect(names()).to.deep.equal(['SELECT sonde_goods', 'SELECT sonde_goods']);
        });

        it('the promise faces', async () => {
          const promised = pool.promise();
          const [rows] = await promised.query('SELECT * FROM sonde_goods');
          expect(rows).to.have.length(2);
          const error = await caught(promised.execute('SELECT * FROM sonde_missing'));
          expect(error.code).to.equal('ER_NO_SUCH_TABLE');
          expect(names()).to.deep.equal(['SELECT sonde_goods', 'SELECT sonde_missing']);
        });
      }
    });

    describe('keeps contexts apart', () => {
      let process: ArmedProcess;

      beforeEach(() => {
        process = armed([mysql()]);
      });

      afterEach(() => process.stop());

      it('1,000 interleaved queries over one pool mix no ids (A29)', async () => {
        const ask = (id: string): Promise<void> =>
          process.within(id, async (span) => {
            const { result, id: there } = await called((done) => pool.query('SELECT ? AS id', [id], done));
            expect(result[0].id).to.equal(id);
            expect(there).to.equal(id);
            expect(stampOf(activeContext()).spanId).to.equal(span.spanContext().spanId);
          });
        await Promise.all(Array.from({ length: 1000 }, (_, at) => ask(`request-${at}`)));
        expect(new Set(process.calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(1000);
      }).timeout(20_000);

      it('lets connections belong to nobody', async () => {
        const fresh = driver.createPool(place);
        const seen: unknown[] = [];
        fresh.on('connection', (connection: any) => {
          seen.push(activeContext());
          connection.on('end', () => seen.push(activeContext()));
        });
        fresh.on('release', () => seen.push(activeContext()));
        await process.within('opener', () => called((done) => fresh.query('SELECT 1', done)));
        await new Promise((resolve) => setTimeout(resolve, 20));
        await called((done) => fresh.end(done));
        expect(seen.length).to.be.at.least(2);
        expect(seen.every((context) => context === rootContext)).to.equal(true);
      });
    });
  });
}
