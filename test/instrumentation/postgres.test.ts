import { createRequire } from 'node:module';
import { expect } from 'chai';
import { postgres } from '../../instrumentation/postgres.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';
import { requirePostgres } from '../support/services.ts';

const connect = createRequire(import.meta.url)('postgres');
const place = { host: '127.0.0.1', user: 'postgres', database: 'postgres', onnotice: () => {} };
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
const caught = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('postgres', () => {
  let sql: any;

  before(async function () {
    await requirePostgres(this);
    sql = connect({ ...place, max: 4 });
    await sql`CREATE TABLE IF NOT EXISTS sonde_teas (id int PRIMARY KEY, name text)`;
    await sql`INSERT INTO sonde_teas VALUES (1, 'oolong'), (2, 'sencha') ON CONFLICT DO NOTHING`;
  });

  after(() => sql?.end());

  instrumentationContract({
    name: 'postgres',
    make: postgres,
    metric: 'db.client.operation.duration',
    patched: () => [Object.getPrototypeOf(sql``)],
    // It starts when somebody waits for it, in the context of the one who waits.
    succeed: async () => await sql`SELECT * FROM sonde_teas`,
    fail: () => caught(sql`INSERT INTO sonde_teas VALUES (${1}, ${'oolong'})`),
    errorType: '23505',
    before: requirePostgres,
    apps: ['postgres-require.cjs', 'postgres-esm.mjs', 'postgres-dynamic.cjs'],
    spanName: 'SELECT pg_class',
  });

  describe('traces', () => {
    let process: ArmedProcess;
    const names = () => process.calls().map(({ name }) => name);

    beforeEach(() => {
      process = armed([postgres()]);
    });

    afterEach(() => process.stop());

    it('a query with the attributes of the semantic conventions, its fragments and names in place', async () => {
      const filter = sql`WHERE ${sql('id')} = ${1} AND name <> ${'s3cret'}`;
      await sql`SELECT * FROM sonde_teas ${filter}`;
      const [span] = process.calls();
      expect(span?.attributes).to.deep.equal({
        'db.system.name': 'postgresql',
        'db.operation.name': 'SELECT',
        'db.collection.name': 'sonde_teas',
        'db.query.summary': 'SELECT sonde_teas',
        'db.query.text': 'SELECT * FROM sonde_teas WHERE "id" = $2 AND name <> $3',
        'db.response.returned_rows': 1,
      });
    });

    it('unsafe texts, transactions, cursors and streams, each statement once', async () => {
      await sql.unsafe("SELECT * FROM sonde_teas WHERE name = 's3cret'");
      await sql.begin((tx: any) => tx`SELECT 1`);
      for await (const _rows of sql`SELECT * FROM sonde_teas`.cursor(1));
      await sql`SELECT * FROM sonde_teas`.forEach(() => {});
      const teas = 'SELECT sonde_teas';
      expect(names()).to.deep.equal([teas, 'BEGIN', 'SELECT', 'COMMIT', teas, teas]);
      expect(JSON.stringify(process.calls().map(({ attributes }) => attributes))).to.not.include('s3cret');
    });

    it('no value of an error that quotes one (literals never leave)', async () => {
      await caught(sql.unsafe("SELECT 's3cret'::int"));
      await caught(sql`SELECT ${'s3cret'}::int`);
      const seen = process.calls().map(({ name, attributes, status }) => ({ name, attributes, status }));
      expect(seen).to.have.length(2);
      expect(JSON.stringify(seen)).to.not.include('s3cret');
    });
  });

  describe('keeps contexts apart', () => {
    let process: ArmedProcess;

    beforeEach(() => {
      process = armed([postgres()]);
    });

    afterEach(() => process.stop());

    it('1,000 interleaved queries over one pool mix no ids (A29)', async () => {
      const ask = (id: string): Promise<void> =>
        process.within(id, async () => {
          const [row] = await sql`SELECT ${id}::text AS id`;
          expect(row.id).to.equal(id);
          expect(correlationHere()).to.equal(id);
        });
      await Promise.all(Array.from({ length: 1000 }, (_, at) => ask(`request-${at}`)));
      expect(new Set(process.calls().map((span) => span.parentSpanContext?.spanId)).size).to.equal(1000);
    }).timeout(20_000);

    it('calls back for rows in the context of the caller, over a connection that belongs to nobody', async () => {
      const notices: unknown[] = [];
      const fresh = connect({ ...place, max: 1, onnotice: () => notices.push(activeContext()) });
      const seen: (string | undefined)[] = [];
      await process.within('opener', () => fresh`SELECT 1`);
      await process.within('rows', async () => {
        await fresh`SELECT * FROM sonde_teas`.forEach(() => void seen.push(correlationHere()));
        await fresh`SELECT * FROM sonde_teas`.cursor(2, () => seen.push(correlationHere()));
      });
      await fresh.unsafe("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
      await fresh.end();
      expect(seen).to.deep.equal(['rows', 'rows', 'rows']);
      expect(notices).to.deep.equal([rootContext]);
    });
  });
});
