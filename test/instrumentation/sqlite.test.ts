import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync, StatementSync } from 'node:sqlite';
import { SpanKind } from '@opentelemetry/api';
import { expect } from 'chai';
import { sqlite } from '../../instrumentation/sqlite.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';

const metric = 'db.client.operation.duration';

function caught(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('sqlite', () => {
  const memory = new DatabaseSync(':memory:');
  memory.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT UNIQUE)');
  memory.exec("INSERT INTO orders VALUES (1, 'ann')");
  after(() => memory.close());

  instrumentationContract({
    name: 'sqlite',
    make: sqlite,
    metric,
    patched: () => [DatabaseSync.prototype, StatementSync.prototype],
    succeed: async () => memory.prepare('SELECT * FROM orders').all(),
    fail: async () => caught(() => memory.prepare('INSERT INTO orders VALUES (?, ?)').run(1, 'ann')),
    errorType: '1555',
    apps: [
      'sqlite-require.cjs',
      'sqlite-named.mjs',
      'sqlite-default.mjs',
      'sqlite-dynamic.cjs',
      'sqlite-builtin.cjs',
      'sqlite-required-esm.cjs',
    ],
    spanName: 'SELECT sqlite_schema',
  });

  describe('traces', () => {
    let process: ArmedProcess;
    let db: DatabaseSync;

    beforeEach(() => {
      process = armed([sqlite()]);
      db = new DatabaseSync(':memory:');
      db.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT)');
      process.spans.length = 0;
    });

    afterEach(async () => {
      db.close();
      await process.stop();
    });

    it('each way to execute, with the rows that came back', () => {
      const insert = db.prepare('INSERT INTO orders (customer) VALUES (?)');
      insert.run('ann');
      insert.run('bob');
      const select = db.prepare('SELECT * FROM orders WHERE id > ?');
      expect(select.get(1)).to.include({ customer: 'bob' });
      expect(select.get(5)).to.equal(undefined);
      expect(select.all(0)).to.have.length(2);
      db.exec('DELETE FROM orders');
      const seen = process
        .calls()
        .map(({ name, attributes }) => [name, attributes['db.response.returned_rows']]);
      expect(seen).to.deep.equal([
        ['INSERT orders', undefined],
        ['INSERT orders', undefined],
        ['SELECT orders', 1],
        ['SELECT orders', 0],
        ['SELECT orders', 2],
        ['DELETE orders', undefined],
      ]);
    });

    it('with the attributes of the semantic conventions', () => {
      db.prepare("SELECT customer FROM orders WHERE customer = 'ann' AND id IN (1, 2)").all();
      const [span] = process.calls();
      expect(span?.kind).to.equal(SpanKind.CLIENT);
      expect(span?.attributes).to.deep.equal({
        'db.system.name': 'sqlite',
        'db.namespace': ':memory:',
        'db.operation.name': 'SELECT',
        'db.collection.name': 'orders',
        'db.query.summary': 'SELECT orders',
        'db.query.text': 'SELECT customer FROM orders WHERE customer = ? AND id IN (?)',
        'db.response.returned_rows': 0,
      });
    });

    it('an iteration until its last row', () => {
      db.exec("INSERT INTO orders (customer) VALUES ('ann'), ('bob')");
      const rows = db.prepare('SELECT * FROM orders').iterate();
      rows.next();
      expect(process.calls()).to.have.length(1);
      expect([...rows]).to.have.length(1);
      expect(process.calls()).to.have.length(2);
      expect(process.calls()[1]?.attributes['db.response.returned_rows']).to.equal(2);
    });

    it('an iteration that is left early', () => {
      db.exec("INSERT INTO orders (customer) VALUES ('ann'), ('bob')");
      for (const row of db.prepare('SELECT * FROM orders').iterate()) {
        expect(row).to.include({ customer: 'ann' });
        break;
      }
      expect(process.calls()[1]?.attributes['db.response.returned_rows']).to.equal(1);
    });

    it('an iteration by way of the iterator helpers', () => {
      db.exec("INSERT INTO orders (customer) VALUES ('ann'), ('bob')");
      const rows = db.prepare('SELECT * FROM orders').iterate() as any;
      expect(rows.map((row: any) => row.customer).toArray()).to.deep.equal(['ann', 'bob']);
      expect(process.calls()).to.have.length(2);
    });

    it('a statement that cannot be prepared, without its text in the status', () => {
      const error = caught(() => db.prepare("SELECT s3cret FROM nowhere WHERE a = 's3cret'"));
      expect(error).to.include({ errcode: 1 });
      const [span] = process.calls();
      expect(span?.name).to.equal('SELECT nowhere');
      expect(span?.attributes).to.include({ 'error.type': '1', 'db.response.status_code': '1' });
      expect(span?.status.message).to.equal(undefined);
    });

    it('the file by its name, not by its folder', () => {
      const folder = mkdtempSync(join(tmpdir(), 'sonde-'));
      const file = new DatabaseSync(join(folder, 'shop.db'));
      file.exec('CREATE TABLE t (a)');
      file.close();
      rmSync(folder, { recursive: true });
      expect(process.calls()[0]?.attributes['db.namespace']).to.equal('shop.db');
    });

    it('a tag store, whose values never leave', function () {
      const tagged = db as unknown as { createTagStore?(size: number): any };
      if (tagged.createTagStore === undefined) this.skip();
      const store = tagged.createTagStore(10);
      store.run`INSERT INTO orders (customer) VALUES (${'s3cret'})`;
      expect(store.all`SELECT * FROM orders WHERE customer = ${'s3cret'}`).to.have.length(1);
      const texts = process.calls().map(({ attributes }) => attributes['db.query.text']);
      expect(texts).to.deep.equal([
        'INSERT INTO orders (customer) VALUES (?)',
        'SELECT * FROM orders WHERE customer = ?',
      ]);
    });

    it('no parameter value and no literal', () => {
      db.prepare("INSERT INTO orders (customer) VALUES (?), ('s3cret-literal')").run('s3cret-value');
      db.prepare('SELECT * FROM orders WHERE customer = :name').get({ name: 's3cret-value' });
      const seen = JSON.stringify(
        process.calls().map(({ name, attributes, status }) => ({ name, attributes, status })),
      );
      expect(seen).to.not.include('s3cret');
    });

    it('statements prepared before it was armed', async () => {
      await process.stop();
      const early = db.prepare('SELECT * FROM orders');
      process = armed([sqlite()]);
      early.all();
      expect(process.calls()[0]?.name).to.equal('SELECT orders');
    });
  });
});
