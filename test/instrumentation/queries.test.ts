import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import pgModule from 'pg';
import { pg } from '../../instrumentation/pg.ts';
import { defaults } from '../../src/config/config.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { requirePostgres } from '../support/services.ts';

const place = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const unasked = () => {};

describe('statements in the log', () => {
  let client: pgModule.Client;
  let process: ArmedProcess;
  let records: LogRecord[];
  let sinks: ReturnType<typeof setSinks>;

  const start = (db: Partial<(typeof defaults)['db']> = {}): void => {
    process = armed([pg()], undefined, { db: { ...defaults.db, ...db } });
  };
  const by = (logger: string) => records.filter((record) => record.logger === logger);

  before(async function () {
    await requirePostgres(this);
    client = new pgModule.Client(place);
    await client.connect();
    await client.query('CREATE TEMP TABLE sonde_items (id int PRIMARY KEY, name text)');
  });

  after(() => client?.end());

  beforeEach(() => {
    records = [];
    sinks = setSinks([(record) => void (record.logger.startsWith('sonde.db') && records.push(record))]);
    setLevel('sonde.db', 'debug');
  });

  afterEach(async () => {
    setLevel('sonde.db', undefined);
    setSinks(sinks);
    await process.stop();
  });

  it('are one DEBUG record of sonde.db each, without their values (A49)', async () => {
    start({ logQueries: 'on' });
    await client.query("SELECT * FROM sonde_items WHERE name = 's3cret' AND id = $1", [42]);
    const [record, ...more] = by('sonde.db');
    expect(more).to.deep.equal([]);
    expect(record?.level).to.equal('DEBUG');
    expect(record?.fields).to.have.keys(['duration_ms', 'db.query.text']);
    expect(record?.fields?.['db.query.text']).to.equal(
      'SELECT * FROM sonde_items WHERE name = ? AND id = $1',
    );
    expect(record?.fields?.duration_ms).to.be.a('number');
    expect(record?.message).to.match(/^\([\d.]+ ms\) SELECT /);
  });

  it('are none for transactions and for what drivers set up (A49)', async () => {
    start({ logQueries: 'on' });
    for (const text of [
      'BEGIN',
      "SET LOCAL timezone TO 'UTC'",
      'SAVEPOINT a',
      'ROLLBACK TO SAVEPOINT a',
      'COMMIT',
    ]) {
      await client.query(text);
    }
    expect(records).to.deep.equal([]);
  });

  it('go to sonde.db.schema alone, without a duration, where they change the schema (A50)', async () => {
    start({ logQueries: 'on' });
    await client.query('ALTER TABLE sonde_items ADD COLUMN IF NOT EXISTS price int DEFAULT 7');
    expect(by('sonde.db')).to.deep.equal([]);
    const [record] = by('sonde.db.schema');
    expect(record?.message).to.equal('ALTER TABLE sonde_items ADD COLUMN IF NOT EXISTS price int DEFAULT ?');
    expect(record?.fields).to.have.keys(['db.query.text']);
  });

  it('are none outside development unless somebody asks for them (A49)', async () => {
    start();
    await client.query('SELECT 1');
    expect(by('sonde.db')).to.deep.equal([]);
  });

  it('tell what failed', async () => {
    start({ logQueries: 'on' });
    await client.query('SELECT * FROM sonde_missing').catch(unasked);
    expect(by('sonde.db')[0]?.fields?.['error.type']).to.equal('42P01');
  });
});

describe('findings in statements', () => {
  let client: pgModule.Client;
  let process: ArmedProcess;
  let records: LogRecord[];
  let sinks: ReturnType<typeof setSinks>;

  const start = (db: Partial<(typeof defaults)['db']>): void => {
    process = armed([pg()], undefined, { db: { ...defaults.db, ...db } });
  };
  const counts = async (name: string) => (await process.points(name)).map(({ count }) => count);

  before(async function () {
    await requirePostgres(this);
    client = new pgModule.Client(place);
    await client.connect();
    await client.query('CREATE TEMP TABLE sonde_parts (id int PRIMARY KEY)');
  });

  after(() => client?.end());

  beforeEach(() => {
    records = [];
    sinks = setSinks([(record) => void (record.logger.startsWith('sonde.db') && records.push(record))]);
  });

  afterEach(async () => {
    setSinks(sinks);
    await process.stop();
  });

  it('tell a slow statement once, with the line that asked, and count each', async () => {
    start({ slowQueryMillis: 20 });
    const slow = (): Promise<unknown> => client.query("SELECT pg_sleep(0.03), 's3cret' AS slow");
    await slow();
    await slow();
    expect(records.map(({ level }) => level)).to.deep.equal(['WARN']);
    expect(records[0]?.message).to.match(/^Slow query: SELECT took \d+ ms$/);
    expect(records[0]?.fields?.['code.file.path']).to.equal(import.meta.filename);
    expect(JSON.stringify(records[0]?.fields)).to.not.include('s3cret');
    expect(await counts('sonde.db.slow_queries')).to.deep.equal([2]);
    expect(process.calls()[0]?.events.map(({ name }) => name)).to.deep.equal(['sonde.slow_query']);
  });

  it('name the line that asked behind a pool, too', async () => {
    start({ slowQueryMillis: 20 });
    const pool = new pgModule.Pool({ ...place, max: 1 });
    await pool.query('SELECT pg_sleep(0.03) AS through_a_pool');
    await pool.end();
    expect(records.map(({ fields }) => fields?.['code.file.path'])).to.deep.equal([import.meta.filename]);
  });

  it('name the line that asks it usually, where there is no time to look each time', async () => {
    start({ slowQueryMillis: 150 });
    const sleeps = (seconds: number) => client.query('SELECT pg_sleep($1) AS sometimes', [seconds]);
    for (let n = 0; n < 2_000; n++) await sleeps(0);
    await sleeps(0.2);
    expect(records.map(({ fields }) => fields?.['code.file.path'])).to.deep.equal([import.meta.filename]);
  });

  it('tell the same statement five times for one span, one after the other or in parallel', async () => {
    start({ nPlusOne: 5 });
    const load = (id: number) => client.query('SELECT * FROM sonde_parts WHERE id = $1', [id]);
    const span = process.provider.getTracer('test').startSpan('work serial');
    await runIn(trace.setSpan(rootContext, span), async () => {
      for (let id = 0; id < 6; id++) await load(id);
    });
    span.end();
    const events = process.spans.find(({ name }) => name === 'work serial')?.events;
    expect(events?.map(({ name }) => name)).to.deep.equal(['sonde.n_plus_one']);
    await process.within('parallel', () => Promise.all([0, 1, 2, 3, 4, 5, 6].map(load)));
    const messages = records.map(({ message }) => message);
    expect(messages).to.deep.equal([
      'N+1: SELECT sonde_parts ran 5 times or more for work serial',
      'N+1: SELECT sonde_parts ran 5 times or more for work parallel',
    ]);
    expect(records[0]?.fields?.['code.file.path']).to.equal(import.meta.filename);
    expect(await counts('sonde.db.n_plus_one')).to.deep.equal([2]);
  });

  it('tell nothing of four, of four each in two spans, or when switched off', async () => {
    start({ nPlusOne: 5, slowQueryMillis: 0 });
    const four = async () => {
      for (let id = 0; id < 4; id++) await client.query('SELECT * FROM sonde_parts WHERE id = $1', [id]);
    };
    await process.within('one', four);
    await process.within('two', four);
    expect(records).to.deep.equal([]);
  });

  it('count a statement that did not get its lock (A58)', async () => {
    start({});
    const other = new pgModule.Client(place);
    await other.connect();
    await other.query('CREATE TABLE IF NOT EXISTS sonde_locked (id int)');
    await other.query('BEGIN; LOCK TABLE sonde_locked');
    await client.query('SET lock_timeout = 100');
    const error = await client.query('SELECT * FROM sonde_locked').catch((reason) => reason);
    await other.query('ROLLBACK; DROP TABLE sonde_locked');
    await other.end();
    await client.query('SET lock_timeout = 0');
    expect(error.code).to.equal('55P03');
    expect(await counts('sonde.db.lock_waits')).to.deep.equal([1]);
  });
});
