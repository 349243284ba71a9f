/** The trace as a comment in statements, as the servers themselves see it. */
import { createRequire } from 'node:module';
import { TraceFlags, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { mysql } from '../../instrumentation/mysql.ts';
import { pg } from '../../instrumentation/pg.ts';
import { sqlComment } from '../../instrumentation/sql-comment.ts';
import { defaults } from '../../src/config/config.ts';
import { rootContext } from '../../src/context/context.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { requireMariadb, requirePostgres } from '../support/services.ts';

const require = createRequire(import.meta.url);
const on = { db: { ...defaults.db, comment: 'on' as const } };
const traceId = 'a'.repeat(32);
const spanId = 'b'.repeat(16);
const context = trace.setSpanContext(rootContext, { traceId, spanId, traceFlags: TraceFlags.SAMPLED });
const mark = `/*traceparent='00-${traceId}-${spanId}-01'*/`;

describe('a statement with its trace', () => {
  const rows: [string, string][] = [
    ['SELECT 1', `SELECT 1 ${mark}`],
    ['SELECT 1;', `SELECT 1 ${mark};`],
    ['SELECT 1 ; \n', `SELECT 1 ${mark} ; \n`],
    ['SELECT 1 /* mine */', 'SELECT 1 /* mine */'],
    ['SELECT 1 -- mine', 'SELECT 1 -- mine'],
    ['SELECT 1 # mine', 'SELECT 1 # mine'],
    ["SELECT '/*'", "SELECT '/*'"],
    ['', ''],
  ];
  for (const [given, expected] of rows) {
    it(`is ${JSON.stringify(expected)} for ${JSON.stringify(given)}`, () => {
      expect(sqlComment(on)(given, context)).to.equal(expected);
    });
  }

  it('is as it was by default, without a span, and with ids that are none', () => {
    expect(sqlComment(defaults)('SELECT 1', context)).to.equal('SELECT 1');
    expect(sqlComment(on)('SELECT 1', rootContext)).to.equal('SELECT 1');
    const hostile = { traceId: "a'*/ DROP TABLE t; /*", spanId, traceFlags: 1 };
    expect(sqlComment(on)('SELECT 1', trace.setSpanContext(rootContext, hostile))).to.equal('SELECT 1');
  });
});

describe('statements with their trace', () => {
  let process: ArmedProcess;
  const start = (instrumentation: Instrumentation): void => {
    process = armed([instrumentation], undefined, on);
  };
  const last = () => {
    const { traceId, spanId } = process.calls().at(-1)!.spanContext();
    return `/*traceparent='00-${traceId}-${spanId}-01'*/`;
  };

  afterEach(() => process?.stop());

  it('reach PostgreSQL in every form but named and submitted, and telemetry in none', async function () {
    await requirePostgres(this);
    start(pg());
    const { Client, Query } = require('pg');
    const client = new Client({ host: '127.0.0.1', user: 'postgres', database: 'postgres' });
    await client.connect();
    const text = 'SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()';
    const config = { text };
    for (const form of [text, config]) {
      const { rows } = await client.query(form);
      expect(rows[0].query).to.equal(`${text} ${last()}`);
    }
    expect(config).to.deep.equal({ text });
    class Tagged {
      get text(): string {
        return text;
      }
    }
    const { rows: tagged } = await client.query(new Tagged());
    expect(tagged[0].query).to.equal(`${text} ${last()}`);
    for (const name of ['first', 'first']) {
      const { rows } = await client.query({ name, text });
      expect(rows[0].query).to.equal(text);
    }
    const submitted: string[] = [];
    const query = client.query(new Query(text));
    query.on('row', (row: { query: string }) => submitted.push(row.query));
    await new Promise((resolve) => query.on('end', resolve));
    expect(submitted).to.deep.equal([text]);
    await client.end();
    expect(JSON.stringify(process.calls().map(({ attributes }) => attributes))).to.not.include('traceparent');
  });

  it('reach MariaDB by its own connector in both faces, but not what is prepared', async function () {
    await requireMariadb(this);
    start(mariadb());
    const place = { host: '127.0.0.1', user: 'root', database: 'test' };
    const connection = await require('mariadb').createConnection(place);
    const plain = require('mariadb/callback').createConnection(place);
    const sql = 'SELECT info FROM information_schema.processlist WHERE id = connection_id() AND 1 = ?';
    const seen = `${sql.replace('?', '1')} `;
    const options = { sql };
    for (const form of [sql, options]) {
      const [row] = await connection.query(form, [1]);
      expect(row.info).to.equal(`${seen}${last()}`);
    }
    expect(options).to.deep.equal({ sql });
    const [streamed] = await connection.queryStream(sql, [1]).toArray();
    expect(streamed.info).to.equal(`${seen}${last()}`);
    const [row] = await new Promise<any>((resolve, reject) =>
      plain.query(sql, [1], (error: unknown, rows: unknown) => (error ? reject(error) : resolve(rows))),
    );
    expect(row.info).to.equal(`${seen}${last()}`);
    const [prepared] = await connection.execute(sql, [1]);
    expect(prepared.info).to.not.include('traceparent');
    await connection.end();
    plain.end();
    expect(JSON.stringify(process.calls().map(({ attributes }) => attributes))).to.not.include('traceparent');
  });

  for (const library of ['mysql2', 'mysql']) {
    it(`reach MariaDB by ${library}, but not what is prepared`, async function () {
      await requireMariadb(this);
      start(mysql());
      const place = { host: '127.0.0.1', user: 'root', database: 'test', connectionLimit: 1 };
      const pool = require(library).createPool(place);
      const called = (run: (done: (error: unknown, rows: any) => void) => void): Promise<any> =>
        new Promise((resolve, reject) => run((error, rows) => (error ? reject(error) : resolve(rows))));
      const sql = 'SELECT info FROM information_schema.processlist WHERE id = connection_id() AND 1 = ?';
      const options = { sql };
      for (const form of [sql, options]) {
        const [row] = await called((done) => pool.query(form, [1], done));
        expect(row.info).to.equal(`${sql.replace('?', '1')} ${last()}`);
      }
      expect(options).to.deep.equal({ sql });
      if (library === 'mysql2') {
        const [row] = await called((done) => pool.execute(sql, [1], done));
        expect(row.info).to.not.include('traceparent');
      }
      await called((done) => pool.end(done));
    });
  }
});
