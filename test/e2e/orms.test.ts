/** ORMs as an app has them, against PostgreSQL: one span a statement, in one trace, in the ORM's own words. */
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { requirePostgres } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const { Client } = createRequire(import.meta.url)('pg');
const place = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const given = JSON.stringify(place);

interface Orm {
  /** What is imported, with what it is called. */
  readonly imports: Readonly<Record<string, string>>;
  /** Declares `find`, which finds row 7 of the table `sonde_words` and gives its id, and `close`. */
  readonly use: string;
  /** What the ORM calls it, where it has a word of its own. */
  readonly operation?: string;
}

const orms: Readonly<Record<string, Orm>> = {
  knex: {
    imports: { knex: 'knex' },
    use: `const db = knex({ client: 'pg', connection: ${given} });
      const find = async () => (await db('sonde_words').where({ id: 7 }).first('id')).id;
      const close = () => db.destroy();`,
    operation: 'sonde_words.first',
  },
  sequelize: {
    imports: { sequelize: '{ Sequelize, DataTypes }' },
    use: `const db = new Sequelize({ dialect: 'postgres', host: '127.0.0.1', username: 'postgres', database: 'postgres', logging: false });
      const Row = db.define('Row', { id: { type: DataTypes.INTEGER, primaryKey: true } }, { tableName: 'sonde_words', timestamps: false });
      const find = async () => (await Row.findByPk(7)).id;
      const close = () => db.close();`,
    operation: 'Row.findByPk',
  },
  typeorm: {
    imports: { typeorm: '{ DataSource, EntitySchema }' },
    use: `const Row = new EntitySchema({ name: 'Row', tableName: 'sonde_words', columns: { id: { type: 'int', primary: true } } });
      const db = new DataSource({ type: 'postgres', host: '127.0.0.1', username: 'postgres', database: 'postgres', entities: [Row] });
      const find = async () => (await db.getRepository('Row').findOneByOrFail({ id: 7 })).id;
      const close = () => db.destroy();
      await db.initialize();`,
    operation: 'Row.findOneByOrFail',
  },
  drizzle: {
    imports: {
      'drizzle-orm': '{ eq }',
      'drizzle-orm/pg-core': '{ integer, pgTable }',
      'drizzle-orm/node-postgres': '{ drizzle }',
      pg: 'pg',
    },
    use: `const rows = pgTable('sonde_words', { id: integer('id').primaryKey() });
      const pool = new pg.Pool(${given});
      const db = drizzle(pool, { schema: { rows } });
      const find = async () => (await db.query.rows.findFirst({ where: eq(rows.id, 7) })).id;
      const close = () => pool.end();`,
    operation: 'rows.findFirst',
  },
  kysely: {
    imports: { kysely: '{ Kysely, PostgresDialect }', pg: 'pg' },
    use: `const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool(${given}) }) });
      const find = async () => (await db.selectFrom('sonde_words').select('id').where('id', '=', 7).executeTakeFirst()).id;
      const close = () => db.destroy();`,
  },
  prisma: {
    imports: { './prisma-client.cjs': '{ PrismaClient }', '@prisma/adapter-pg': '{ PrismaPg }' },
    use: `const db = new PrismaClient({ adapter: new PrismaPg(${given}) });
      const find = async () => (await db.row.findUniqueOrThrow({ where: { id: 7 } })).id;
      const close = () => db.$disconnect();`,
    operation: 'Row.findUniqueOrThrow',
  },
};

const loads = {
  cjs: (name: string, what: string) => `const ${what} = require('${name}');`,
  mjs: (name: string, what: string) => `import ${what} from '${name}';`,
};

const packages = [
  ...['knex', 'sequelize', 'typeorm', 'drizzle-orm', 'kysely', 'pg', 'reflect-metadata'],
  ...['@prisma/client', '@prisma/adapter-pg', '@prisma/instrumentation'],
];

describe('an ORM in an app', function () {
  this.timeout(60_000);
  const apps = join(import.meta.dirname, 'apps/orms');
  let folder: string;

  before(async function () {
    await requirePostgres(this);
    const client = new Client(place);
    await client.connect();
    await client.query('CREATE TABLE IF NOT EXISTS sonde_words (id int PRIMARY KEY)');
    await client.query('INSERT INTO sonde_words VALUES (7) ON CONFLICT DO NOTHING');
    await client.end();
    folder = appFolder(packages, apps);
  });

  /** `init` starts Sonde in place of the preload. */
  async function run({ imports, use }: Orm, kind: 'cjs' | 'mjs', init = '', node?: string) {
    const lines = Object.entries(imports).map(([name, what]) => loads[kind](name, what));
    writeFileSync(
      join(folder, `app.${kind}`),
      `${loads[kind]('sonde', '{ correlationId, getLogger, init, withContext, withSpan }')}
      ${init}
      ${lines.join('\n')}
      async function main() {
        ${use}
        await find();
        const found = await withContext({ asked: true }, () => withSpan('work', async () => {
          const id = await find();
          getLogger('app').info('found', { id });
          return id;
        }));
        await close();
      }
      main();`,
    );
    const sink = await startSink();
    const preload = init === '' ? ['--require', 'sonde/register'] : [];
    const ended = await runNode([...preload, `app.${kind}`], {
      cwd: folder,
      node,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    });
    await sink.close();
    expect(ended.code, ended.stderr).to.equal(0);
    expect(ended.stderr).to.equal('');
    const work = sink.spans().find(({ name }) => name === 'work')!;
    const others = sink.spans().filter(({ spanId }) => spanId !== work.spanId);
    const line = ended.lines.find(({ message }) => message === 'found')!;
    return { work, line, within: others.filter(({ traceId }) => traceId === work.traceId) };
  }

  for (const [name, orm] of Object.entries(orms)) {
    for (const kind of ['cjs', 'mjs'] as const) {
      it(`${name} has one span for a statement, with what it calls it if it calls it anything (${kind})`, async () => {
        const { work, line, within } = await run(orm, kind);
        expect(within.map(({ kind }) => kind)).to.deep.equal([3]);
        const [span] = within;
        expect(span?.name).to.match(/^SELECT .*\bsonde_words\b/);
        expect(span?.parentSpanId).to.equal(work.spanId);
        expect(span?.attributes['sonde.orm.operation']).to.equal(orm.operation);
        expect(span?.attributes['db.query.text']).to.not.match(/\b7\b/);
        expect(line).to.include({ id: 7, trace_id: work.traceId, span_id: work.spanId });
      });
    }
  }

  // The two whose ES modules are taken hold of, which old versions of Node.js cannot do in their turn.
  for (const name of ['drizzle', 'prisma']) {
    for (const node of nodeVersions()) {
      it(`${name} has its words as an ES module on Node ${node.name}`, async () => {
        const orm = orms[name] as Orm;
        const { within } = await run(orm, 'mjs', '', node.path);
        const operations = within.map(({ attributes }) => attributes['sonde.orm.operation']);
        expect(operations).to.deep.equal([orm.operation]);
      });
    }
  }

  it('prisma with its own instrumentation, given unchanged, has its spans above those of its driver', async () => {
    const init = `const { PrismaInstrumentation } = require('@prisma/instrumentation');
      init({ sdk: { instrumentations: [new PrismaInstrumentation()] } });`;
    const { work, line, within } = await run(orms.prisma as Orm, 'cjs', init);
    const named = (wanted: RegExp) => within.find(({ name }) => wanted.test(name));
    const path = ['prisma:client:operation', 'prisma:client:db_query', '^SELECT '].map((each) =>
      named(new RegExp(each)),
    );
    expect(path.map((span) => span?.scope)).to.deep.equal(['prisma', 'prisma', 'sonde']);
    const parents = [work, ...path].map((span) => span?.spanId);
    expect(path.map((span) => span?.parentSpanId)).to.deep.equal(parents.slice(0, -1));
    expect(path[0]?.attributes).to.include({ name: 'Row.findUniqueOrThrow', model: 'Row' });
    // Its span says it already.
    expect(path[2]?.attributes).to.not.have.property('sonde.orm.operation');
    expect(line).to.include({ trace_id: work.traceId, span_id: work.spanId });
  });
});
