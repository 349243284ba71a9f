/** Each driver in its current major version and one back, as CommonJS and as ES module: always the same spans. */
import { expect } from 'chai';
import { betterSqlite3 } from '../../instrumentation/better-sqlite3.ts';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { mongodb } from '../../instrumentation/mongodb.ts';
import { mysql } from '../../instrumentation/mysql.ts';
import { pg } from '../../instrumentation/pg.ts';
import { postgres } from '../../instrumentation/postgres.ts';
import { redis } from '../../instrumentation/redis.ts';
import { tedious } from '../../instrumentation/tedious.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { importOf, requireOf, versionOf } from '../support/installed.ts';
import { type MongoStub, startMongoStub } from '../support/mongo-stub.ts';
import { requireMariadb, requirePostgres, requireRedis } from '../support/services.ts';
import { startTdsStub, type TdsStub } from '../support/tds-stub.ts';

const metric = 'db.client.operation.duration';
const inPostgres = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const inMariadb = { host: '127.0.0.1', user: 'root', database: 'test' };
let mongo: MongoStub;
let tds: TdsStub;

/** A span's name and its `error.type`. */
type Seen = readonly [name: string, error?: string];

interface Driver {
  /** What is imported. */
  readonly name: string;
  /** What is installed: the current major version, and those before. */
  readonly installed: readonly string[];
  require(test: Mocha.Context): Promise<unknown>;
  /** Asks for something that there is and for something that there is not, and closes what it opened. */
  ask(library: any): Promise<unknown>;
  /** What becomes of the two. */
  readonly seen: readonly [Seen, Seen];
}

const lenient = async (ask: () => unknown): Promise<void> => {
  try {
    await ask();
  } catch {
    // It is to fail.
  }
};
const called = (run: (done: (error: unknown, result?: unknown) => void) => unknown): Promise<unknown> =>
  new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve(result)));
  });
const good = "SELECT 1 FROM information_schema.engines WHERE engine = 's3cret'";
const bad = "SELECT * FROM sonde_missing WHERE name = 's3cret'";
const inMysql = [
  ['SELECT information_schema.engines'],
  ['SELECT sonde_missing', 'ER_NO_SUCH_TABLE'],
] as const;
const inRedis = [['SET'], ['LPUSH', 'WRONGTYPE']] as const;

async function askConnection(connection: any): Promise<void> {
  await connection.query(good);
  await lenient(() => connection.query(bad));
  await connection.end();
}

async function askMongo({ MongoClient }: any): Promise<void> {
  const client = new MongoClient(`mongodb://127.0.0.1:${mongo.port}/`);
  await client.db('test').collection('orders').find({ name: 's3cret' }).toArray();
  await lenient(() => client.db('test').command({ nonsense: 's3cret' }));
  await client.close();
}

async function askIoredis({ Redis, default: main }: any): Promise<void> {
  const client = new (Redis ?? main)({ host: '127.0.0.1', lazyConnect: true });
  await client.connect();
  await client.set('sonde:version', 's3cret');
  await lenient(() => client.lpush('sonde:version', 's3cret'));
  client.disconnect();
}

const drivers: readonly Driver[] = [
  {
    name: 'pg',
    installed: ['pg', 'pg-8.0'],
    require: requirePostgres,
    async ask({ default: { Client } }) {
      const client = new Client(inPostgres);
      await client.connect();
      await client.query("SELECT 1 FROM pg_class WHERE relname = 's3cret'");
      await lenient(() => client.query(bad));
      await client.end();
    },
    seen: [['SELECT pg_class'], ['SELECT sonde_missing', '42P01']],
  },
  {
    name: 'postgres',
    installed: ['postgres'],
    require: requirePostgres,
    async ask({ default: connect }) {
      const sql = connect({ ...inPostgres, max: 1 });
      await sql`SELECT 1 FROM pg_class WHERE relname = 's3cret'`;
      await lenient(() => sql`SELECT * FROM sonde_missing WHERE name = ${'s3cret'}`);
      await sql.end();
    },
    seen: [['SELECT pg_class'], ['SELECT sonde_missing', '42P01']],
  },
  {
    name: 'mysql2/promise',
    installed: ['mysql2', 'mysql2-2'],
    require: requireMariadb,
    ask: async ({ createConnection }) => askConnection(await createConnection(inMariadb)),
    seen: inMysql,
  },
  {
    name: 'mysql',
    installed: ['mysql'],
    require: requireMariadb,
    async ask({ createConnection }) {
      const connection = createConnection(inMariadb);
      await called((done) => connection.query(good, done));
      await lenient(() => called((done) => connection.query(bad, done)));
      await called((done) => connection.end(done));
    },
    seen: inMysql,
  },
  {
    name: 'mariadb',
    installed: ['mariadb'],
    require: requireMariadb,
    ask: async ({ createConnection }) => askConnection(await createConnection(inMariadb)),
    seen: inMysql,
  },
  {
    name: 'mongodb',
    installed: ['mongodb', 'mongodb-6'],
    require: async () => {},
    ask: askMongo,
    seen: [['find orders'], ['nonsense', 'CommandNotFound']],
  },
  {
    name: 'redis',
    installed: ['redis', 'redis-5'],
    require: requireRedis,
    async ask({ createClient }) {
      const client = createClient({ socket: { host: '127.0.0.1' } });
      await client.connect();
      await client.set('sonde:version', 's3cret');
      await lenient(() => client.lPush('sonde:version', 's3cret'));
      await client.close();
    },
    seen: inRedis,
  },
  {
    name: 'ioredis',
    installed: ['ioredis', 'ioredis-5'],
    require: requireRedis,
    ask: askIoredis,
    seen: inRedis,
  },
  { name: 'iovalkey', installed: ['iovalkey'], require: requireRedis, ask: askIoredis, seen: inRedis },
  {
    name: 'better-sqlite3',
    installed: ['better-sqlite3'],
    require: async () => {},
    async ask({ default: Database }) {
      const db = new Database(':memory:');
      db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 's3cret'").all();
      await lenient(() => db.prepare(bad));
      db.close();
    },
    seen: [['SELECT sqlite_schema'], ['SELECT sonde_missing', 'SQLITE_ERROR']],
  },
  {
    name: 'tedious',
    installed: ['tedious', 'tedious-19'],
    require: async () => {},
    async ask({ Connection, Request }) {
      const options = { port: tds.port, encrypt: false, trustServerCertificate: true };
      const authentication = { type: 'default', options: { userName: 'sa', password: 's3cret' } };
      const connection = new Connection({ server: '127.0.0.1', authentication, options });
      const asked = (text: string) =>
        called((done) => connection.execSql(new Request(text, (error: unknown) => done(error))));
      await called((done) => connection.connect(done));
      await asked("SELECT id FROM orders WHERE name = 's3cret'");
      await lenient(() => asked("SELECT id FROM missing WHERE name = 's3cret'"));
      connection.close();
    },
    seen: [['SELECT orders'], ['SELECT missing', '208']],
  },
];

const all = [betterSqlite3, ioredis, mariadb, mongodb, mysql, pg, postgres, redis, tedious];

/** What `require` gives, in the shape of a namespace. */
async function required(installed: string, name: string): Promise<any> {
  const exports = requireOf(installed)(name);
  return { ...exports, default: exports.default ?? exports };
}

describe('every version of a driver', () => {
  let process: ArmedProcess;

  before(async () => {
    mongo = await startMongoStub();
    tds = await startTdsStub();
    process = armed(all.map((make) => make()));
  });

  after(async () => {
    await process.stop();
    await mongo.close();
    await tds.close();
  });

  for (const driver of drivers)
    for (const version of driver.installed)
      for (const [kind, load] of [
        ['CommonJS', required],
        ['an ES module', (from: string, what: string) => importOf(from)(what)],
      ] as const)
        it(`${driver.name} ${versionOf(version)}, as ${kind}`, async function () {
          await driver.require(this);
          const library = await load(version, driver.name);
          const earlier = process.calls().length;
          const counted = async () =>
            (await process.points(metric)).reduce((sum, { count }) => sum + count, 0);
          const countedBefore = await counted();
          await process.within(version, async (work) => {
            await driver.ask(library);
            expect(stampOf(activeContext()).correlationId).to.equal(version);
            const spans = process.calls().slice(earlier);
            expect(spans.map((span) => [span.name, span.attributes['error.type']])).to.deep.equal(
              driver.seen.map(([one, error]) => [one, error]),
            );
            const parents = new Set(spans.map(({ parentSpanContext }) => parentSpanContext?.spanId));
            expect([...parents]).to.deep.equal([work.spanContext().spanId]);
            const told = spans.map(({ attributes, status, events }) => ({ attributes, status, events }));
            expect(JSON.stringify(told)).to.not.include('s3cret');
          });
          expect(await counted()).to.equal(countedBefore + 2);
        });
});
