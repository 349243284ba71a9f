/** How far an ORM's operation reaches: to every statement that it makes, and to nothing else. */
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { drizzle } from '../../instrumentation/drizzle.ts';
import { knex } from '../../instrumentation/knex.ts';
import { pg } from '../../instrumentation/pg.ts';
import { prisma } from '../../instrumentation/prisma.ts';
import { sequelize } from '../../instrumentation/sequelize.ts';
import { typeorm } from '../../instrumentation/typeorm.ts';
import { defaults } from '../../src/config/config.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { methodsOf } from '../support/instrumentation-contract.ts';
import { requirePostgres } from '../support/services.ts';

const require = createRequire(import.meta.url);
const place = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const options = { host: place.host, database: place.database, username: place.user, logging: false };
const table = 'sonde_told';

describe('the operation of an ORM', () => {
  let process: ArmedProcess;
  let records: LogRecord[];
  let pool: any;

  const arm = (db: Partial<(typeof defaults)['db']> = {}): void => {
    const all = [pg(), knex(), sequelize(), typeorm(), drizzle(), prisma()];
    process = armed(all, undefined, { db: { ...defaults.db, ...db } });
  };

  before(async function () {
    await requirePostgres(this);
    pool = new (require('pg').Pool)({ ...place, max: 1 });
    await pool.query(`CREATE TABLE IF NOT EXISTS ${table} (id int PRIMARY KEY, name text)`);
    await pool.query(`TRUNCATE ${table}`);
    await pool.query(`INSERT INTO ${table} SELECT generate_series(1, 9), 'tea'`);
  });

  after(() => pool?.end());
  afterEach(() => process.stop());

  /** Kind of statement and operation of each span that `work` makes. */
  async function told(work: () => unknown): Promise<string[]> {
    process.spans.length = 0;
    await process.within('work', work);
    return process
      .calls()
      .map(
        ({ attributes }) => `${attributes['db.operation.name']} ${attributes['sonde.orm.operation'] ?? '-'}`,
      );
  }

  async function withSequelize(use: (Row: any, db: any) => Promise<void>): Promise<void> {
    const { Sequelize, DataTypes } = require('sequelize');
    const db = new Sequelize({ dialect: 'postgres', ...options });
    const columns = { id: { type: DataTypes.INTEGER, primaryKey: true }, name: DataTypes.STRING };
    const Row = db.define('Row', columns, { tableName: table, timestamps: false });
    await Row.findByPk(1);
    await use(Row, db).finally(() => db.close());
  }

  it('is of all statements that come of one call, and named as the app called it', async () => {
    arm();
    await withSequelize(async (Row, db) => {
      const made = await told(() => Row.findOrCreate({ where: { id: 10 } }));
      expect(made.length).to.be.greaterThan(2);
      expect(new Set(made.map((each) => each.split(' ').at(-1)))).to.deep.equal(
        new Set(['Row.findOrCreate']),
      );
      const row = await Row.findByPk(10);
      expect(await told(() => row.update({ name: 'milk' }))).to.deep.equal(['UPDATE Row.update']);
      expect(await told(() => row.destroy())).to.deep.equal(['DELETE Row.destroy']);
      expect(await told(() => Row.count())).to.deep.equal(['SELECT Row.count']);
      expect(await told(() => db.query('SELECT 1')), 'a statement by hand').to.deep.equal(['SELECT -']);
    });
  });

  it('ends with the call: what a hook has left running is no part of it', async () => {
    arm();
    await withSequelize(async (Row) => {
      const { promise: later, resolve: go } = Promise.withResolvers<void>();
      let left: Promise<unknown> | undefined;
      Row.addHook('afterFind', async () => {
        await pool.query('SELECT 1');
        left ??= later.then(() => pool.query('SELECT 2'));
      });
      const made = await told(async () => {
        await Row.findByPk(1);
        go();
        await left;
      });
      expect(made).to.deep.equal(['SELECT Row.findByPk', 'SELECT Row.findByPk', 'SELECT -']);
    });
  });

  it('of TypeORM is that of the manager, a repository or a query builder', async () => {
    arm();
    const { DataSource, EntitySchema } = require('typeorm');
    const columns = { id: { type: 'int', primary: true }, name: { type: 'text', nullable: true } };
    const Row = new EntitySchema({ name: 'Row', tableName: table, columns });
    const db = await new DataSource({ type: 'postgres', ...options, entities: [Row] }).initialize();
    const rows = db.getRepository('Row');
    const saved = await told(() => rows.save({ id: 11 }));
    expect(saved).to.deep.equal(['SELECT', 'START', 'INSERT', 'COMMIT'].map((verb) => `${verb} Row.save`));
    expect(await told(() => db.manager.delete(Row, { id: 11 }))).to.deep.equal(['DELETE Row.delete']);
    const builder = () => rows.createQueryBuilder('r');
    expect(await told(() => builder().getCount())).to.deep.equal(['SELECT Row.getCount']);
    const updating = () => builder().update().set({ name: 'tea' }).where('id = 1').execute();
    expect(await told(updating)).to.deep.equal(['UPDATE Row.update']);
    expect(await told(() => db.query('SELECT 1'))).to.deep.equal(['SELECT -']);
    await db.destroy();
  });

  it('of knex is its method on a table, whatever the table is called here', async () => {
    arm();
    const db = require('knex')({ client: 'pg', connection: place });
    await db(table).first();
    expect(await told(() => db(`${table} as t`).pluck('t.id'))).to.deep.equal([`SELECT ${table}.pluck`]);
    expect(await told(() => db({ t: table }).count())).to.deep.equal([`SELECT ${table}.select`]);
    expect(await told(() => db(table).where({ id: 99 }).del())).to.deep.equal([`DELETE ${table}.del`]);
    expect(await told(() => db.raw("SELECT 's3cret'"))).to.deep.equal(['SELECT -']);
    expect(await told(() => db.from(db(table).as('t')).first())).to.deep.equal(['SELECT -']);
    expect(await told(() => db.schema.hasTable(table))).to.deep.equal(['SELECT -']);
    await db.destroy();
  });

  it('of Drizzle is that of a relational query, not of what follows it', async () => {
    arm();
    const { integer, pgTable } = require('drizzle-orm/pg-core');
    const rows = pgTable(table, { id: integer('id').primaryKey() });
    const db = require('drizzle-orm/node-postgres').drizzle(pool, { schema: { rows } });
    require('drizzle-orm');
    const made = await told(() => db.query.rows.findMany().then(() => pool.query('SELECT 1')));
    expect(made).to.deep.equal(['SELECT rows.findMany', 'SELECT -']);
    expect(await told(() => db.select().from(rows))).to.deep.equal(['SELECT -']);
    const failing = db.query.rows.findMany({
      extras: { wrong: require('drizzle-orm').sql`1 / 0`.as('wrong') },
    });
    expect(
      await failing.then(
        () => 'found',
        () => 'failed',
      ),
    ).to.equal('failed');
  });

  it('is on the record of the statement and of what was found in it, too', async () => {
    arm({ logQueries: 'on', slowQueryMillis: 0, nPlusOne: 3 });
    records = [];
    const sinks = setSinks([(record) => void (record.logger === 'sonde.db' && records.push(record))]);
    setLevel('sonde.db', 'debug');
    try {
      await withSequelize(async (Row) => {
        records.length = 0;
        await told(async () => {
          for (let id = 1; id <= 3; id++) await Row.findByPk(id);
        });
      });
    } finally {
      setLevel('sonde.db', undefined);
      setSinks(sinks);
    }
    const seen = records.map(({ level, fields }) => `${level} ${fields?.['sonde.orm.operation']}`);
    expect(seen.sort()).to.deep.equal([...Array(3).fill('DEBUG Row.findByPk'), 'WARN Row.findByPk']);
  });

  it('leaves no trace in the ORMs once it is disarmed', async () => {
    const targets = () => [
      ...[require('sequelize').Model, require('sequelize').Model.prototype],
      ...['EntityManager', 'SelectQueryBuilder', 'InsertQueryBuilder'].map(
        (name) => require('typeorm')[name].prototype,
      ),
      ...[require('knex').Client.prototype, require('drizzle-orm').QueryPromise.prototype],
    ];
    const before = targets().map(methodsOf);
    require('@prisma/client/runtime/client');
    arm();
    for (const [at, target] of targets().entries()) expect(methodsOf(target)).to.not.deep.equal(before[at]);
    expect(globalThis).to.have.property('PRISMA_INSTRUMENTATION');
    await process.stop();
    expect(targets().map(methodsOf)).to.deep.equal(before);
    expect(globalThis).to.not.have.property('PRISMA_INSTRUMENTATION');
  });
});
