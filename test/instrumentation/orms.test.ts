/** ORMs and query builders are seen through their drivers, against the real servers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { betterSqlite3 } from '../../instrumentation/better-sqlite3.ts';
import { drizzle } from '../../instrumentation/drizzle.ts';
import { knex } from '../../instrumentation/knex.ts';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { mysql } from '../../instrumentation/mysql.ts';
import { pg } from '../../instrumentation/pg.ts';
import { postgres } from '../../instrumentation/postgres.ts';
import { sequelize } from '../../instrumentation/sequelize.ts';
import { typeorm } from '../../instrumentation/typeorm.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { requireMariadb, requirePostgres } from '../support/services.ts';

const require = createRequire(import.meta.url);

/** One database through one ORM, in the words they have in common. */
interface Opened {
  /** The id of the row with this id, by the ORM's own way to select. */
  find(id: number): Promise<number>;
  /** Finds row 1 in a transaction, which fails where it is told so. */
  transact(fails: boolean): Promise<unknown>;
  close(): Promise<unknown>;
}

interface Case {
  readonly make: () => Instrumentation;
  readonly before: (test: Mocha.Context) => Promise<void>;
  /** Makes the table of the rows. */
  readonly fill: () => Promise<void>;
  /** How the driver begins a transaction. */
  readonly begin: string;
  /** What the ORM calls `find`, where it has a word of its own. */
  readonly operation?: string;
  open(): Promise<Opened>;
}

const inPostgres = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const inMariadb = { host: '127.0.0.1', user: 'root', database: 'test' };
const connections = 2;
const rows = 10;
const refusal = new Error('rolled back on purpose');
const refuse = (fails: boolean): void => {
  if (fails) throw refusal;
};

function byKnex(client: string, connection: object): Opened {
  const max = client === 'better-sqlite3' ? 1 : connections;
  const db = require('knex')({ client, connection, pool: { min: 0, max }, useNullAsDefault: true });
  const find = (from: any, id: number) => from('sonde_orm').where({ id }).first('id');
  return {
    find: async (id) => (await find(db, id)).id,
    transact: (fails) =>
      db.transaction(async (trx: any) => {
        await find(trx, 1);
        refuse(fails);
      }),
    close: () => db.destroy(),
  };
}

function bySequelize(dialect: string, { user, ...place }: typeof inPostgres): Opened {
  const { Sequelize, DataTypes } = require('sequelize');
  const pool = { max: connections };
  const db = new Sequelize({ dialect, ...place, username: user, logging: false, pool });
  const id = { type: DataTypes.INTEGER, primaryKey: true };
  const Row = db.define('row', { id }, { tableName: 'sonde_orm', timestamps: false });
  return {
    find: async (wanted) => (await Row.findByPk(wanted)).id,
    transact: (fails) =>
      db.transaction(async (transaction: unknown) => {
        await Row.findByPk(1, { transaction });
        refuse(fails);
      }),
    close: () => db.close(),
  };
}

async function byTypeorm(type: string, { user, ...place }: Partial<typeof inPostgres>): Promise<Opened> {
  const { DataSource, EntitySchema } = require('typeorm');
  const columns = { id: { type: 'int', primary: true } };
  const Row = new EntitySchema({ name: 'row', tableName: 'sonde_orm', columns });
  const options = { ...place, type, username: user, entities: [Row], poolSize: connections };
  const db = await new DataSource(options).initialize();
  return {
    find: async (id) => (await db.getRepository('row').findOneBy({ id })).id,
    transact: (fails) =>
      db.transaction(async (manager: any) => {
        await manager.findOneBy('row', { id: 1 });
        refuse(fails);
      }),
    close: () => db.destroy(),
  };
}

/** `close` ends the driver's pool, which Drizzle is handed. */
function byDrizzle(db: any, core: string, table: string, close: () => Promise<unknown>): Opened {
  const { eq } = require('drizzle-orm');
  const dialect = require(`drizzle-orm/${core}`);
  const Row = dialect[table]('sonde_orm', { id: dialect[core === 'pg-core' ? 'integer' : 'int']('id') });
  const find = (from: any, id: number) => from.select().from(Row).where(eq(Row.id, id));
  return {
    find: async (id) => (await find(db, id))[0].id,
    transact: (fails) =>
      db.transaction(async (tx: any) => {
        await find(tx, 1);
        refuse(fails);
      }),
    close,
  };
}

function byKysely(dialect: object): Opened {
  const { Kysely } = require('kysely');
  const db = new Kysely({ dialect });
  const find = (from: any, id: number) =>
    from.selectFrom('sonde_orm').select('id').where('id', '=', id).executeTakeFirst();
  return {
    find: async (id) => (await find(db, id)).id,
    transact: (fails) =>
      db.transaction().execute(async (trx: any) => {
        await find(trx, 1);
        refuse(fails);
      }),
    close: () => db.destroy(),
  };
}

const pgPool = () => new (require('pg').Pool)({ ...inPostgres, max: connections });
const mysqlPool = (library: string) =>
  require(library).createPool({ ...inMariadb, connectionLimit: connections });
const folder = mkdtempSync(join(tmpdir(), 'sonde-'));
const inSqlite = join(folder, 'orms.db');
const ofPostgres = { make: pg, before: requirePostgres, fill: fillPostgres, begin: 'BEGIN' };
const ofMysql = { make: mysql, before: requireMariadb, fill: fillMariadb, begin: 'BEGIN' };
const ofMariadb = { ...ofMysql, make: mariadb, begin: 'START' };
const ofSqlite = { make: betterSqlite3, before: async () => {}, fill: fillSqlite, begin: 'BEGIN' };

const cases: Record<string, Case> = {
  'knex, pg': { ...ofPostgres, operation: 'sonde_orm.first', open: async () => byKnex('pg', inPostgres) },
  'knex, mysql2': { ...ofMysql, operation: 'sonde_orm.first', open: async () => byKnex('mysql2', inMariadb) },
  'knex, mysql': { ...ofMysql, operation: 'sonde_orm.first', open: async () => byKnex('mysql', inMariadb) },
  'Sequelize, pg': {
    ...ofPostgres,
    begin: 'START',
    operation: 'row.findByPk',
    open: async () => bySequelize('postgres', inPostgres),
  },
  'Sequelize, mysql2': {
    ...ofMysql,
    begin: 'START',
    operation: 'row.findByPk',
    open: async () => bySequelize('mysql', inMariadb),
  },
  'Sequelize, mariadb': {
    ...ofMariadb,
    operation: 'row.findByPk',
    open: async () => bySequelize('mariadb', inMariadb),
  },
  'TypeORM, pg': {
    ...ofPostgres,
    begin: 'START',
    operation: 'row.findOneBy',
    open: () => byTypeorm('postgres', inPostgres),
  },
  'TypeORM, mysql2': {
    ...ofMysql,
    begin: 'START',
    operation: 'row.findOneBy',
    open: () => byTypeorm('mysql', inMariadb),
  },
  'Drizzle, pg': {
    ...ofPostgres,
    async open() {
      const pool = pgPool();
      const db = require('drizzle-orm/node-postgres').drizzle(pool);
      return byDrizzle(db, 'pg-core', 'pgTable', () => pool.end());
    },
  },
  'Drizzle, postgres': {
    ...ofPostgres,
    make: postgres,
    async open() {
      const sql = require('postgres')({ ...inPostgres, max: connections });
      const db = require('drizzle-orm/postgres-js').drizzle(sql);
      return byDrizzle(db, 'pg-core', 'pgTable', () => sql.end());
    },
  },
  'Drizzle, mysql2': {
    ...ofMysql,
    async open() {
      const pool = mysqlPool('mysql2/promise');
      const db = require('drizzle-orm/mysql2').drizzle(pool);
      return byDrizzle(db, 'mysql-core', 'mysqlTable', () => pool.end());
    },
  },
  'Kysely, pg': {
    ...ofPostgres,
    async open() {
      const { PostgresDialect } = require('kysely');
      return byKysely(new PostgresDialect({ pool: pgPool() }));
    },
  },
  'Kysely, mysql2': {
    ...ofMysql,
    async open() {
      const { MysqlDialect } = require('kysely');
      return byKysely(new MysqlDialect({ pool: mysqlPool('mysql2') }));
    },
  },
  'knex, better-sqlite3': {
    ...ofSqlite,
    operation: 'sonde_orm.first',
    open: async () => byKnex('better-sqlite3', { filename: inSqlite }),
  },
  'TypeORM, better-sqlite3': {
    ...ofSqlite,
    operation: 'row.findOneBy',
    open: () => byTypeorm('better-sqlite3', { database: inSqlite }),
  },
  'Kysely, better-sqlite3': {
    ...ofSqlite,
    async open() {
      const { SqliteDialect } = require('kysely');
      return byKysely(new SqliteDialect({ database: new (require('better-sqlite3'))(inSqlite) }));
    },
  },
};

async function fillPostgres(): Promise<void> {
  const { Client } = require('pg');
  const client = new Client(inPostgres);
  await client.connect();
  await client.query('CREATE TABLE IF NOT EXISTS sonde_orm (id int PRIMARY KEY)');
  await client.query(`INSERT INTO sonde_orm SELECT generate_series(1, ${rows}) ON CONFLICT DO NOTHING`);
  await client.end();
}

async function fillMariadb(): Promise<void> {
  const pool = mysqlPool('mysql2/promise');
  await pool.query('CREATE TABLE IF NOT EXISTS sonde_orm (id int PRIMARY KEY)');
  for (let id = 1; id <= rows; id++) await pool.query('REPLACE INTO sonde_orm VALUES (?)', [id]);
  await pool.end();
}

async function fillSqlite(): Promise<void> {
  const db = new (require('better-sqlite3'))(inSqlite);
  db.exec('CREATE TABLE IF NOT EXISTS sonde_orm (id INTEGER PRIMARY KEY)');
  for (let id = 1; id <= rows; id++) db.prepare('REPLACE INTO sonde_orm VALUES (?)').run(id);
  db.close();
}

after(() => rmSync(folder, { recursive: true }));

for (const [name, orm] of Object.entries(cases)) {
  describe(`an app with ${name}`, () => {
    let process: ArmedProcess;
    let db: Opened;

    before(async function () {
      await orm.before(this);
      await orm.fill();
      process = armed([orm.make(), knex(), sequelize(), typeorm(), drizzle()]);
      db = await orm.open();
      await db.find(1);
      await db.transact(false);
    });

    after(async () => {
      await db?.close();
      await process?.stop();
    });

    it('has one span for each statement, under the work that asked, whose id it keeps (A29)', async () => {
      const before = process.calls().length;
      const parents = new Map<string, number>();
      const find = (id: number): Promise<void> =>
        process.within(`find ${id}`, async (span) => {
          parents.set(span.spanContext().spanId, id);
          expect(await db.find(id)).to.equal(id);
          expect(stampOf(activeContext()).correlationId).to.equal(`find ${id}`);
        });
      await Promise.all(Array.from({ length: rows }, (_, at) => find(at + 1)));
      const finds = process
        .calls()
        .slice(before)
        .filter(({ attributes }) => attributes['db.collection.name'] === 'sonde_orm');
      const seen = finds.map(({ parentSpanContext }) => parents.get(parentSpanContext?.spanId ?? ''));
      expect(seen.sort((a, b) => a! - b!)).to.deep.equal(Array.from({ length: rows }, (_, at) => at + 1));
      const operations = new Set(finds.map(({ attributes }) => attributes['sonde.orm.operation']));
      expect([...operations], "the ORM's own word").to.deep.equal([orm.operation]);
    });

    for (const [end, fails] of [
      ['COMMIT', false],
      ['ROLLBACK', true],
    ] as const) {
      it(`has the statements of a transaction, up to its ${end}`, async () => {
        const before = process.calls().length;
        const error = await process.within('transaction', () =>
          db.transact(fails).then(
            () => undefined,
            (reason) => reason,
          ),
        );
        expect(error).to.equal(fails ? refusal : undefined);
        const names = process
          .calls()
          .slice(before)
          .map((span) => span.name);
        const [first, find, last, ...more] = names.filter((each) => !/^SET\b/.test(each));
        expect([first, last, ...more]).to.deep.equal([orm.begin, end]);
        expect(find).to.match(/^SELECT .*sonde_orm/);
      });
    }
  });
}
