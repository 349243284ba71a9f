/** Metrics of connection pools by the conventions, and the finding that one is exhausted. */
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { poolName } from '../../instrumentation/connection-pool.ts';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { mongodb } from '../../instrumentation/mongodb.ts';
import { mysql } from '../../instrumentation/mysql.ts';
import { pg } from '../../instrumentation/pg.ts';
import { redis } from '../../instrumentation/redis.ts';
import { defaults } from '../../src/config/config.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { type MongoStub, startMongoStub } from '../support/mongo-stub.ts';
import { requireMariadb, requirePostgres, requireRedis } from '../support/services.ts';

const require = createRequire(import.meta.url);

/** One pool that lends two connections at most, in the words that all drivers have in common. */
interface Pooled {
  /** Borrows a connection; what comes back gives it back. */
  borrow(): Promise<() => unknown>;
  close(): Promise<unknown>;
}

interface Driver {
  readonly make: () => Instrumentation;
  readonly before: (test: Mocha.Context) => Promise<void>;
  readonly name: string;
  readonly limits: Readonly<Record<string, number>>;
  readonly creates: boolean;
  /** How many of two that wait are told: a pool that hides its limit is full for sure when somebody waits already. */
  readonly told: 1 | 2;
  open(timeoutMillis?: number): Promise<Pooled>;
}

const called = <T>(run: (done: (error: unknown, result?: T) => void) => unknown): Promise<T> =>
  new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve(result as T)));
  });

function mysqlPool(library: string, database: string): Pooled {
  const place = { host: '127.0.0.1', user: 'root', password: '', database };
  const pool = require(library).createPool({ ...place, connectionLimit: 2 });
  return {
    async borrow() {
      const connection = await called<any>((done) => pool.getConnection(done));
      return () => connection.release();
    },
    close: () => called((done) => pool.end(done)),
  };
}

const drivers: Record<string, Driver> = {
  pg: {
    make: pg,
    before: requirePostgres,
    name: 'template1',
    limits: { limit: 2, 'idle.min': 0 },
    creates: true,
    told: 2,
    async open(timeoutMillis = 0) {
      const place = { host: '127.0.0.1', user: 'postgres', database: 'template1' };
      const { Pool } = require('pg');
      const pool = new Pool({ ...place, max: 2, connectionTimeoutMillis: timeoutMillis });
      return {
        async borrow() {
          const client = await pool.connect();
          return () => client.release();
        },
        close: () => pool.end(),
      };
    },
  },
  mysql2: {
    make: mysql,
    before: requireMariadb,
    name: 'performance_schema',
    limits: { limit: 2, 'idle.max': 2 },
    creates: true,
    told: 2,
    open: async () => mysqlPool('mysql2', 'performance_schema'),
  },
  mysql: {
    make: mysql,
    before: requireMariadb,
    name: 'information_schema',
    limits: { limit: 2 },
    creates: true,
    told: 2,
    open: async () => mysqlPool('mysql', 'information_schema'),
  },
  mariadb: {
    make: mariadb,
    before: requireMariadb,
    name: 'mysql',
    limits: { limit: 2, 'idle.min': 0 },
    creates: true,
    told: 2,
    async open(timeoutMillis = 10_000) {
      const place = { host: '127.0.0.1', user: 'root', database: 'mysql' };
      const limits = { connectionLimit: 2, minimumIdle: 0, acquireTimeout: timeoutMillis };
      const pool = require('mariadb').createPool({ ...place, ...limits });
      return {
        async borrow() {
          const connection = await pool.getConnection();
          return () => connection.release();
        },
        close: () => pool.end(),
      };
    },
  },
  redis: {
    make: redis,
    before: requireRedis,
    name: '0',
    limits: {},
    creates: false,
    told: 1,
    async open(timeoutMillis = 0) {
      const options = { minimum: 2, maximum: 2, acquireTimeout: timeoutMillis };
      const pool = require('redis').createClientPool({}, options);
      await pool.connect();
      return {
        borrow: () =>
          new Promise((lent, refused) => {
            const task = () => new Promise<void>((back) => lent(back));
            pool.execute(task).catch(refused);
          }),
        close: () => pool.close(),
      };
    },
  },
};

const state = 'db.client.connection.state';
const poolAttribute = 'db.client.connection.pool.name';

for (const [library, driver] of Object.entries(drivers)) {
  describe(`the connection pool of ${library}`, () => {
    let process: ArmedProcess;
    let pool: Pooled;
    let records: LogRecord[];
    let sinks: ReturnType<typeof setSinks>;

    const start = (db: Partial<(typeof defaults)['db']> = {}): void => {
      process = armed([driver.make()], undefined, { db: { ...defaults.db, ...db } });
    };
    const counted = (name: string) => process.points(`db.client.connection.${name}`);
    const states = async () =>
      Object.fromEntries((await counted('count')).map(({ attributes, count }) => [attributes[state], count]));

    before(async function () {
      await driver.before(this);
    });

    beforeEach(() => {
      records = [];
      sinks = setSinks([(record) => void (record.logger === 'sonde.db' && records.push(record))]);
    });

    afterEach(async () => {
      setSinks(sinks);
      await pool.close();
      await process.stop();
    });

    it('is counted by state, with its limits, under the name the conventions give it', async () => {
      start();
      pool = await driver.open();
      const backs = [await pool.borrow(), await pool.borrow()];
      const third = pool.borrow();
      await sleep(5);
      expect(await states()).to.deep.equal({ idle: 0, used: 2 });
      const [pending] = await counted('pending_requests');
      expect(pending).to.deep.equal({ attributes: { [poolAttribute]: driver.name }, count: 1 });
      for (const [name, value] of Object.entries(driver.limits)) {
        const [point] = await counted(name);
        expect(point, name).to.deep.equal({ attributes: { [poolAttribute]: driver.name }, count: value });
      }
      for (const back of backs) back();
      (await third)();
      await sleep(20);
      expect(await states()).to.deep.equal({ idle: 2, used: 0 });
    });

    it('tells how long connections are waited for, used and made', async () => {
      start();
      pool = await driver.open();
      for (let at = 0; at < 3; at++) (await pool.borrow())();
      await sleep(20);
      const attributes = { [poolAttribute]: driver.name };
      expect(await counted('wait_time')).to.deep.equal([{ attributes, count: 3 }]);
      expect(await counted('use_time')).to.deep.equal([{ attributes, count: 3 }]);
      const made = driver.creates ? [{ attributes, count: 1 }] : [];
      expect(await counted('create_time')).to.deep.equal(made);
    });

    it('tells a wait for a connection that was too long, once, with the line that asked, and counts each', async () => {
      start({ poolWaitMillis: 10 });
      pool = await driver.open();
      const backs = [await pool.borrow(), await pool.borrow()];
      const span = process.provider.getTracer('test').startSpan('work that waits');
      const waiting = [1, 2].map(() => runIn(trace.setSpan(rootContext, span), () => pool.borrow()));
      await sleep(30);
      for (const back of backs) back();
      for (const back of await Promise.all(waiting)) back();
      span.end();
      const [found, ...more] = records;
      expect(more).to.deep.equal([]);
      expect(found).to.include({ logger: 'sonde.db', level: 'WARN' });
      const exhausted = `Pool exhausted: waited \\d+ ms for a connection of ${driver.name} \\(2 of 2 in use`;
      expect(found?.message).to.match(new RegExp(exhausted));
      expect(found?.fields?.['code.file.path']).to.equal(import.meta.filename);
      const events = process.spans.find(({ name }) => name === 'work that waits')?.events;
      expect(events?.map(({ name }) => name)).to.deep.equal(Array(driver.told).fill('sonde.pool_wait'));
      const points = await process.points('sonde.db.pool_waits');
      expect(points).to.deep.equal([{ attributes: { [poolAttribute]: driver.name }, count: driver.told }]);
    });

    it('is silent where the finding is switched off', async () => {
      start({ poolWaitMillis: 0 });
      pool = await driver.open();
      const backs = [await pool.borrow(), await pool.borrow()];
      const third = pool.borrow();
      await sleep(20);
      for (const back of backs) back();
      (await third)();
      expect(records).to.deep.equal([]);
      expect(await process.points('sonde.db.pool_waits')).to.deep.equal([]);
    });

    it('is no more when it is closed', async () => {
      start();
      const closed = await driver.open();
      (await closed.borrow())();
      await sleep(5);
      await closed.close();
      expect(await counted('count')).to.deep.equal([]);
      pool = await driver.open();
    });
  });
}

describe('a connection that takes too long', () => {
  const timeouts = async (process: ArmedProcess) => await process.points('db.client.connection.timeouts');

  for (const library of ['pg', 'mariadb', 'redis']) {
    const driver = drivers[library]!;

    it(`is counted as a timeout of the pool of ${library}`, async function () {
      await driver.before(this);
      const process = armed([driver.make()]);
      const pool = await driver.open(300);
      const backs = [await pool.borrow(), await pool.borrow()];
      const error = await pool.borrow().catch((reason) => reason);
      expect(error).to.be.instanceOf(Error);
      const attributes = { [poolAttribute]: driver.name };
      expect(await timeouts(process)).to.deep.equal([{ attributes, count: 1 }]);
      for (const back of backs) back();
      await pool.close();
      await process.stop();
    });
  }
});

describe('the connection pool of mongodb (a stub of its wire protocol)', () => {
  let process: ArmedProcess;
  let stub: MongoStub;

  before(async () => {
    stub = await startMongoStub();
    process = armed([mongodb()]);
  });

  after(async () => {
    await process.stop();
    await stub.close();
  });

  it('is counted by state, with its limits and times', async () => {
    const { MongoClient } = require('mongodb');
    const client = new MongoClient(`mongodb://127.0.0.1:${stub.port}/`, { maxPoolSize: 3 });
    await client.connect();
    await client.db('shop').collection('orders').find().toArray();
    await sleep(5);
    const attributes = { [poolAttribute]: `127.0.0.1:${stub.port}` };
    const points = (name: string) => process.points(`db.client.connection.${name}`);
    expect(await points('count')).to.deep.equal([
      { attributes: { ...attributes, [state]: 'idle' }, count: 1 },
      { attributes: { ...attributes, [state]: 'used' }, count: 0 },
    ]);
    expect(await points('limit')).to.deep.equal([{ attributes, count: 3 }]);
    expect(await points('create_time')).to.deep.equal([{ attributes, count: 1 }]);
    const [used] = await points('use_time');
    const [waited] = await points('wait_time');
    expect(used?.count).to.equal(waited?.count);
    expect(used?.count).to.be.at.least(1);
    await client.close();
    expect(await points('count')).to.deep.equal([]);
  });
});

describe('pools that the app forgets', () => {
  it('are kept by nobody', async function () {
    await requirePostgres(this);
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const process = armed([pg()]);
    const { Pool } = require('pg');
    const forgotten = await (async () => {
      const pool = new Pool({
        host: '127.0.0.1',
        user: 'postgres',
        database: 'postgres',
        idleTimeoutMillis: 1,
      });
      (await pool.connect()).release();
      await sleep(30);
      return new WeakRef(pool);
    })();
    expect(await process.points('db.client.connection.count')).to.have.length(2);
    for (let at = 0; at < 20 && forgotten.deref() !== undefined; at++) {
      await sleep(5);
      collect();
    }
    expect(forgotten.deref()).to.equal(undefined);
    expect(await process.points('db.client.connection.count')).to.deep.equal([]);
    await process.stop();
  });
});

describe('the name of a pool', () => {
  const rows: [Parameters<typeof poolName>[0], string][] = [
    [{ system: 'mysql', namespace: 'shop', address: 'db', port: 1 }, 'shop'],
    [{ system: 'mysql', address: 'db', port: 3307 }, 'db:3307'],
    [{ system: 'mysql', address: 'db' }, 'db'],
    [{ system: 'mysql', address: '::1', port: 3307 }, '[::1]:3307'],
    [{ system: 'mysql' }, 'mysql'],
  ];
  for (const [target, name] of rows) {
    it(`is ${name} for ${JSON.stringify(target)}`, () => {
      expect(poolName(target)).to.equal(name);
    });
  }
});
