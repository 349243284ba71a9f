import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SpanKind } from '@opentelemetry/api';
import { expect } from 'chai';
import { betterSqlite3 } from '../../instrumentation/better-sqlite3.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';

// It brings no types.
const Database = createRequire(import.meta.url)('better-sqlite3');
const metric = 'db.client.operation.duration';

function caught(work: () => unknown): any {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('better-sqlite3', () => {
  const memory = new Database(':memory:');
  memory.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT UNIQUE)');
  memory.exec("INSERT INTO orders VALUES (1, 'ann')");
  const Statement = Object.getPrototypeOf(memory.prepare('SELECT 1'));
  after(() => memory.close());

  instrumentationContract({
    name: 'better-sqlite3',
    make: betterSqlite3,
    metric,
    patched: () => [Database.prototype, Statement],
    succeed: async () => memory.prepare('SELECT * FROM orders').all(),
    fail: async () => caught(() => memory.prepare('INSERT INTO orders VALUES (?, ?)').run(1, 'ann')),
    errorType: 'SQLITE_CONSTRAINT_PRIMARYKEY',
    apps: ['better-sqlite3-require.cjs', 'better-sqlite3-default.mjs', 'better-sqlite3-dynamic.cjs'],
    spanName: 'SELECT sqlite_schema',
  });

  describe('traces', () => {
    let process: ArmedProcess;
    let db: any;
    const seen = () =>
      process.calls().map(({ name, attributes }) => [name, attributes['db.response.returned_rows']]);

    beforeEach(() => {
      process = armed([betterSqlite3()]);
      db = new Database(':memory:');
      db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT)');
      db.exec("INSERT INTO orders (customer) VALUES ('ann'), ('bob')");
      process.spans.length = 0;
    });

    afterEach(async () => {
      db.close();
      await process.stop();
    });

    it('each way to execute, with the rows that came back', () => {
      db.prepare('INSERT INTO orders (customer) VALUES (?)').run('eve');
      const select = db.prepare('SELECT * FROM orders WHERE id > ?');
      expect(select.get(1)).to.include({ customer: 'bob' });
      expect(select.get(5)).to.equal(undefined);
      expect(select.all(0)).to.have.length(3);
      expect(select.pluck().all(1)).to.deep.equal([2, 3]);
      expect(db.exec('DELETE FROM orders')).to.equal(db);
      expect(seen()).to.deep.equal([
        ['INSERT orders', undefined],
        ['SELECT orders', 1],
        ['SELECT orders', 0],
        ['SELECT orders', 3],
        ['SELECT orders', 2],
        ['DELETE orders', undefined],
      ]);
    });

    it('with the attributes of the semantic conventions', () => {
      db.prepare("SELECT customer FROM orders WHERE customer = 's3cret' AND id IN (1, 2) AND id = @id").all({
        id: 1,
      });
      const [span] = process.calls();
      expect(span?.kind).to.equal(SpanKind.CLIENT);
      expect(span?.attributes).to.deep.equal({
        'db.system.name': 'sqlite',
        'db.namespace': ':memory:',
        'db.operation.name': 'SELECT',
        'db.collection.name': 'orders',
        'db.query.summary': 'SELECT orders',
        'db.query.text': 'SELECT customer FROM orders WHERE customer = ? AND id IN (?) AND id = @id',
        'db.response.returned_rows': 0,
      });
    });

    it('an iteration until its last row, or until it is left', () => {
      const rows = db.prepare('SELECT * FROM orders').iterate();
      rows.next();
      expect(seen()).to.deep.equal([]);
      expect([...rows]).to.have.length(1);
      for (const row of db.prepare('SELECT * FROM orders').iterate()) {
        expect(row).to.include({ customer: 'ann' });
        break;
      }
      expect(seen()).to.deep.equal([
        ['SELECT orders', 2],
        ['SELECT orders', 1],
      ]);
    });

    it('the statements of a transaction, of one inside it, and of one that is rolled back', () => {
      const insert = db.prepare('INSERT INTO orders (customer) VALUES (?)');
      const add = db.transaction((name: string) => insert.run(name));
      const addTwo = db.transaction(() => {
        add('eve');
        throw new Error('no');
      });
      process.within('asker', (span) => {
        add.immediate('joe');
        const parents = process.calls().map(({ parentSpanContext }) => parentSpanContext?.spanId);
        expect(new Set(parents)).to.deep.equal(new Set([span.spanContext().spanId]));
      });
      expect(caught(addTwo)).to.include({ message: 'no' });
      expect(process.calls().map(({ attributes }) => attributes['db.operation.name'])).to.deep.equal([
        ...['BEGIN', 'INSERT', 'COMMIT'],
        ...['BEGIN', 'SAVEPOINT', 'INSERT', 'RELEASE', 'ROLLBACK'],
      ]);
    });

    it('a pragma', () => {
      expect(db.pragma('foreign_keys', { simple: true })).to.equal(1);
      expect(seen()).to.deep.equal([['PRAGMA', 1]]);
    });

    it('a transaction as the first thing that is asked at all', async () => {
      await process.stop();
      process = armed([betterSqlite3()]);
      const add = db.transaction(() => 1);
      expect(add()).to.equal(1);
      expect(seen().map(([name]) => name)).to.deep.equal(['BEGIN', 'COMMIT']);
    });

    it('a statement that cannot be prepared, without its text in the status', () => {
      const error = caught(() => db.prepare("SELECT s3cret FROM nowhere WHERE a = 's3cret'"));
      expect(error).to.be.instanceOf(Database.SqliteError);
      const [span] = process.calls();
      expect(span?.name).to.equal('SELECT nowhere');
      expect(span?.attributes).to.include({
        'error.type': 'SQLITE_ERROR',
        'db.response.status_code': 'SQLITE_ERROR',
      });
      expect(span?.status.message).to.equal(undefined);
    });

    it('no parameter value and no literal', () => {
      db.prepare("INSERT INTO orders (customer) VALUES (?), ('s3cret-literal')").run('s3cret-value');
      db.prepare('SELECT * FROM orders WHERE customer = :name').get({ name: 's3cret-value' });
      caught(() => db.prepare('SELECT 1').run('s3cret-too-many'));
      const all = process.calls().map(({ name, attributes, status }) => ({ name, attributes, status }));
      expect(all).to.have.length(3);
      expect(JSON.stringify(all)).to.not.include('s3cret');
    });

    it('the file by its name, not by its folder', () => {
      const folder = mkdtempSync(join(tmpdir(), 'sonde-'));
      const file = new Database(join(folder, 'shop.db'));
      file.exec('CREATE TABLE t (a)');
      file.close();
      rmSync(folder, { recursive: true });
      expect(process.calls()[0]?.attributes['db.namespace']).to.equal('shop.db');
    });

    it('throws what the driver throws for what is no query, and for a closed database', () => {
      expect(() => db.prepare(null)).to.throw(TypeError);
      expect(() => db.exec()).to.throw(TypeError);
      expect(() => db.transaction()).to.throw(TypeError);
      const closed = new Database(':memory:');
      closed.close();
      expect(() => closed.pragma('user_version')).to.throw(TypeError, 'not open');
    });
  });
});
