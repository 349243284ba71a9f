/** `db.response.returned_rows`: how many rows came back, by every driver and in every style; nothing where none can. */
import { type EventEmitter, once } from 'node:events';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { betterSqlite3 } from '../../instrumentation/better-sqlite3.ts';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { mongodb } from '../../instrumentation/mongodb.ts';
import { mysql } from '../../instrumentation/mysql.ts';
import { pg } from '../../instrumentation/pg.ts';
import { postgres } from '../../instrumentation/postgres.ts';
import { sqlite } from '../../instrumentation/sqlite.ts';
import { tedious } from '../../instrumentation/tedious.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { startMongoStub } from '../support/mongo-stub.ts';
import { requireMariadb, requirePostgres } from '../support/services.ts';
import { startTdsStub } from '../support/tds-stub.ts';

const require = createRequire(import.meta.url);
const inPostgres = { host: '127.0.0.1', user: 'postgres', database: 'postgres', onnotice: () => {} };
const inMariadb = { host: '127.0.0.1', user: 'root', database: 'test', multipleStatements: true };

const two = 'SELECT 1 AS a, 2 AS b, 3 AS c UNION ALL SELECT 4, 5, 6';
const none = 'SELECT 1 AS a WHERE 1 = 0';
const noneOfDual = 'SELECT 1 AS a FROM dual WHERE 1 = 0';
const write = 'INSERT INTO sonde_rows VALUES (1), (2)';
const table = 'CREATE TEMPORARY TABLE sonde_rows (id int)';

const called = (run: (done: (error: unknown, result?: any) => void) => unknown): Promise<any> =>
  new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve(result)));
  });

async function readAll(stream: AsyncIterable<unknown> & { resume?(): EventEmitter }): Promise<void> {
  if (stream.resume !== undefined) await once(stream.resume(), 'end');
  else for await (const _ of stream);
}

async function readFirst(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream) break;
}

/** What is asked, and the rows of each call. */
type Asked = readonly [ask: () => unknown, ...rows: (number | undefined)[]];

interface Opened {
  readonly asked: Readonly<Record<string, Asked>>;
  close(): unknown;
}

interface Driver {
  readonly name: string;
  make(): Instrumentation;
  require?(test: Mocha.Context): Promise<void>;
  open(): Promise<Opened>;
}

const mysqlLike = (name: string): Driver => ({
  name,
  make: mysql,
  require: requireMariadb,
  async open() {
    const connection = require(name).createConnection(inMariadb);
    await called((done) => connection.query(table, done));
    const ask = (...args: unknown[]) => called((done) => connection.query(...args, done));
    const execute = (...args: unknown[]) => called((done) => connection.execute(...args, done));
    return {
      asked: {
        'a select': [() => ask(two), 2],
        'a select of nothing': [() => ask(noneOfDual), 0],
        'a write': [() => ask(write), undefined],
        'a batch of values': [() => ask('INSERT INTO sonde_rows VALUES ?', [[[3], [4]]]), undefined],
        'several statements': [() => ask(`${two}; ${write}; ${two}`), 4],
        'several writes': [() => ask(`${write}; ${write}`), undefined],
        events: [() => once(connection.query(`${two}; ${write}`), 'end'), 2],
        'events of a write': [() => once(connection.query(write), 'end'), undefined],
        'a stream': [() => readAll(connection.query(two).stream()), 2],
        ...(name === 'mysql2' && {
          'rows as arrays': [() => ask({ sql: two, rowsAsArray: true }), 2],
          'an execution': [() => execute(two), 2],
          'an execution that writes': [() => execute(write), undefined],
        }),
      },
      close: () => called((done) => connection.end(done)),
    };
  },
});

const drivers: readonly Driver[] = [
  {
    name: 'pg',
    make: pg,
    require: requirePostgres,
    async open() {
      const { Client, Query } = require('pg');
      const Cursor = require('pg-cursor');
      const QueryStream = require('pg-query-stream');
      const client = new Client(inPostgres);
      await client.connect();
      await client.query(table);
      const batchSize = 1;
      /** The connection is ready a moment after the last row was given. */
      const submitted = async (query: any, read: (query: any) => unknown) => {
        await read(client.query(query));
        await client.query('BEGIN; COMMIT');
      };
      return {
        asked: {
          'a select': [() => client.query(two), 2],
          'a select of nothing': [() => client.query(none), 0],
          'a select by callback': [() => called((done) => client.query(two, done)), 2],
          'rows as arrays': [() => client.query({ text: two, rowMode: 'array' }), 2],
          'a write': [() => client.query(write), undefined],
          'a write that returns': [() => client.query(`${write} RETURNING *`), 2],
          'several statements': [() => client.query(`${two}; ${write}; ${two}`), 4],
          'several writes': [() => client.query(`${write}; ${write}`), undefined],
          'a query object': [() => submitted(new Query(two), (query) => once(query, 'end')), 2, undefined],
          'a query object that writes': [
            () => submitted(new Query(write), (query) => once(query, 'end')),
            ...[undefined, undefined],
          ],
          'a cursor': [
            () =>
              submitted(new Cursor(two), async (cursor) => {
                while ((await cursor.read(1)).length > 0);
              }),
            ...[2, undefined],
          ],
          'a cursor that is left early': [
            () =>
              submitted(new Cursor(two), async (cursor) => {
                await cursor.read(1);
                await cursor.close();
              }),
            ...[1, undefined],
          ],
          'a stream': [() => submitted(new QueryStream(two, [], { batchSize }), readAll), 2, undefined],
          'a stream of nothing': [() => submitted(new QueryStream(none), readAll), 0, undefined],
        },
        close: () => client.end(),
      };
    },
  },
  {
    name: 'postgres',
    make: postgres,
    require: requirePostgres,
    async open() {
      const sql = require('postgres')({ ...inPostgres, max: 1 });
      await sql.unsafe(table);
      return {
        asked: {
          'a select': [async () => await sql.unsafe(two), 2],
          'a select of nothing': [async () => await sql.unsafe(none), 0],
          'raw values': [async () => await sql.unsafe(two).values(), 2],
          'a write': [async () => await sql`INSERT INTO sonde_rows VALUES (1), (2)`, undefined],
          'a write that returns': [async () => await sql.unsafe(`${write} RETURNING *`), 2],
          'several statements': [async () => await sql.unsafe(`${two}; ${write}; ${two}`).simple(), 4],
          'each row': [async () => await sql.unsafe(two).forEach(() => {}), 2],
          'a cursor': [() => readAll(sql.unsafe(two).cursor(1)), 2],
          'a cursor whose last part is not full': [() => readAll(sql.unsafe(two).cursor(10)), 2],
          'a cursor with a function': [async () => await sql.unsafe(two).cursor(1, () => {}), 2],
          'a cursor that is left early': [
            async () => {
              await readFirst(sql.unsafe(two).cursor(1));
              await sql`SELECT 1`;
            },
            ...[1, 1],
          ],
          'a copy': [async () => readAll(await sql`COPY (SELECT 1) TO STDOUT`.readable()), undefined],
        },
        close: () => sql.end(),
      };
    },
  },
  mysqlLike('mysql2'),
  mysqlLike('mysql'),
  {
    name: 'mariadb',
    make: mariadb,
    require: requireMariadb,
    async open() {
      const connection = await require('mariadb').createConnection(inMariadb);
      const plain = require('mariadb/callback').createConnection(inMariadb);
      await connection.query(table);
      await called((done) => plain.query(table, done));
      return {
        asked: {
          'a select': [() => connection.query(two), 2],
          'a select of nothing': [() => connection.query(noneOfDual), 0],
          'rows as arrays': [() => connection.query({ sql: two, rowsAsArray: true }), 2],
          'rows with their description': [() => connection.query({ sql: two, metaAsArray: true }), 2],
          'a write': [() => connection.query(write), undefined],
          'several statements': [() => connection.query(`${two}; ${write}; ${two}`), 4],
          'several writes': [() => connection.query(`${write}; ${write}`), undefined],
          'an execution': [() => connection.execute(two), 2],
          'a batch': [() => connection.batch('INSERT INTO sonde_rows VALUES (?)', [[1], [2]]), undefined],
          'a stream': [() => readAll(connection.queryStream(two)), 2],
          'a select by callback': [() => called((done) => plain.query(two, done)), 2],
          'several statements by callback': [
            () => called((done) => plain.query(`${two}; ${write}`, done)),
            2,
          ],
          'a write by callback': [() => called((done) => plain.query(write, done)), undefined],
          'a stream of the callback face': [() => readAll(plain.queryStream(two)), 2],
        },
        async close() {
          await connection.end();
          await called((done) => plain.end(done));
        },
      };
    },
  },
  {
    name: 'better-sqlite3',
    make: betterSqlite3,
    async open() {
      const Database = require('better-sqlite3');
      const db = new Database(':memory:');
      db.exec(table);
      return {
        asked: {
          'all rows': [() => db.prepare(two).all(), 2],
          'all rows as values': [() => db.prepare(two).raw().all(), 2],
          'one row': [() => db.prepare(two).get(), 1],
          'no row': [() => db.prepare(none).get(), 0],
          'an iteration': [() => [...db.prepare(two).iterate()], 2],
          'an iteration that is left early': [
            () => {
              for (const _ of db.prepare(two).iterate()) break;
            },
            1,
          ],
          'a write': [() => db.prepare(write).run(), undefined],
          'several statements': [() => db.exec(`${write}; ${write}`), undefined],
        },
        close: () => db.close(),
      };
    },
  },
  {
    name: 'node:sqlite',
    make: sqlite,
    async open() {
      const { DatabaseSync } = require('node:sqlite');
      const db = new DatabaseSync(':memory:');
      db.exec(table);
      return {
        asked: {
          'all rows': [() => db.prepare(two).all(), 2],
          'one row': [() => db.prepare(two).get(), 1],
          'no row': [() => db.prepare(none).get(), 0],
          'an iteration': [() => [...db.prepare(two).iterate()], 2],
          'a write': [() => db.prepare(write).run(), undefined],
          'several statements': [() => db.exec(`${write}; ${write}`), undefined],
        },
        close: () => db.close(),
      };
    },
  },
  {
    name: 'mongodb (against a stub of the wire protocol)',
    make: mongodb,
    async open() {
      const { MongoClient } = require('mongodb');
      const stub = await startMongoStub();
      stub.collections.set('orders', [{ _id: 1 }, { _id: 2 }, { _id: 3 }]);
      const client = new MongoClient(`mongodb://127.0.0.1:${stub.port}/`);
      const orders = client.db('test').collection('orders');
      return {
        asked: {
          'a find': [() => orders.find().toArray(), 3],
          'a find of nothing': [() => client.db('test').collection('none').find().toArray(), 0],
          'a cursor, batch by batch': [() => readAll(orders.find().batchSize(2)), 2, 1],
          'a stream, batch by batch': [() => readAll(orders.find().batchSize(2).stream()), 2, 1],
          'a write': [() => orders.insertOne({ _id: 4 }), undefined],
          'a batch': [() => orders.insertMany([{ _id: 5 }, { _id: 6 }]), undefined],
        },
        async close() {
          await client.close();
          await stub.close();
        },
      };
    },
  },
  {
    name: 'tedious (against a stub of the TDS protocol)',
    make: tedious,
    async open() {
      const { Connection, Request } = require('tedious');
      const stub = await startTdsStub();
      const options = { port: stub.port, encrypt: false, trustServerCertificate: true };
      const authentication = { type: 'default', options: { userName: 'sa', password: 's3cret' } };
      const connection = new Connection({ server: '127.0.0.1', authentication, options });
      await called((done) => connection.connect(done));
      const ask = (method: string, text: string) =>
        called((done) => connection[method](new Request(text, done)));
      return {
        asked: {
          'a select': [() => ask('execSql', 'SELECT id FROM orders'), 2],
          'a batch': [() => ask('execSqlBatch', 'SELECT id FROM orders'), 2],
          'a procedure': [() => ask('callProcedure', 'list_orders'), 2],
          'a write': [() => ask('execSql', 'DELETE FROM goods'), undefined],
        },
        async close() {
          connection.close();
          await stub.close();
        },
      };
    },
  },
];

for (const driver of drivers) {
  describe(`the rows that come back by ${driver.name}`, () => {
    let process: ArmedProcess;
    let opened: Opened | undefined;

    before(async function () {
      await driver.require?.(this);
      process = armed([driver.make()]);
      opened = await driver.open();
    });

    after(async () => {
      await opened?.close();
      await process?.stop();
    });

    it('are counted in each style, and nothing is said of what returns none', async () => {
      const seen: Record<string, unknown> = {};
      const expected: Record<string, unknown> = {};
      for (const [what, [ask, ...rows]] of Object.entries((opened as Opened).asked)) {
        const before = process.calls().length;
        await ask();
        while (process.calls().length < before + rows.length) await process.ended(process.spans.length + 1);
        seen[what] = process
          .calls()
          .slice(before)
          .map(({ attributes }) => attributes['db.response.returned_rows']);
        expected[what] = rows;
      }
      expect(seen).to.deep.equal(expected);
    }).timeout(20_000);
  });
}
