/** A connection that request 1 opened and that lies idle since then: what happens to it is nobody's. */
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { mongodb } from '../../instrumentation/mongodb.ts';
import { mysql } from '../../instrumentation/mysql.ts';
import { pg } from '../../instrumentation/pg.ts';
import { postgres } from '../../instrumentation/postgres.ts';
import { redis } from '../../instrumentation/redis.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { startMongoStub } from '../support/mongo-stub.ts';
import { requireMariadb, requirePostgres, requireRedis } from '../support/services.ts';

const require = createRequire(import.meta.url);
const inPostgres = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const inMariadb = { host: '127.0.0.1', user: 'root', database: 'test' };
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;

const called = (run: (done: (error: unknown, result?: any) => void) => unknown): Promise<any> =>
  new Promise((resolve, reject) => {
    run((error, result) => (error ? reject(error) : resolve(result)));
  });

/** Told by the app's own listeners: what happened, in whose context. */
type Note = (event: string) => void;

interface Opened {
  /** Asks over the one connection; where it is gone, over a new one. */
  ask(): Promise<unknown>;
  /** Ends the idle connection from elsewhere. */
  cut(): Promise<unknown>;
  close(): Promise<unknown>;
}

interface Driver {
  readonly name: string;
  make(): Instrumentation;
  require?(test: Mocha.Context): Promise<void>;
  /** Opens what connects with the first call; `note` is to be told of every event that an app can listen to. */
  open(note: Note): Promise<Opened>;
  /** The event that says that the connection is gone. */
  readonly end: string;
}

function listen(emitter: any, events: readonly string[], note: Note): void {
  for (const event of events) emitter.on(event, () => note(event));
}

async function cutPostgres(pid: number): Promise<void> {
  const { Client } = require('pg');
  const other = new Client(inPostgres);
  await other.connect();
  await other.query('SELECT pg_terminate_backend($1)', [pid]);
  await other.end();
}

async function cutMariadb(id: number): Promise<void> {
  const other = await require('mysql2/promise').createConnection(inMariadb);
  await other.query(`KILL ${id}`);
  await other.end();
}

async function cutRedis(id: unknown): Promise<void> {
  const { Redis } = require('ioredis');
  const other = new Redis({ host: '127.0.0.1' });
  await other.call('CLIENT', 'KILL', 'ID', String(id));
  other.disconnect();
}

const mysqlLike = (name: string): Driver => ({
  name,
  make: mysql,
  require: requireMariadb,
  async open(note) {
    const pool = require(name).createPool({ ...inMariadb, connectionLimit: 1 });
    let id = 0;
    pool.on('connection', (connection: any) => {
      id = connection.threadId;
      listen(connection, ['error', 'end'], note);
    });
    return {
      ask: () => called((done) => pool.query('SELECT 1', done)),
      cut: () => cutMariadb(id),
      close: () => called((done) => pool.end(done)),
    };
  },
  end: 'error',
});

const ioredisLike = (name: string): Driver => ({
  name,
  make: ioredis,
  require: requireRedis,
  async open(note) {
    const { Redis } = require(name);
    const client = new Redis({ host: '127.0.0.1', lazyConnect: true, retryStrategy: () => 10 });
    listen(client, ['connect', 'ready', 'error', 'close', 'reconnecting'], note);
    return {
      ask: () => client.get('sonde:idle'),
      cut: async () => cutRedis(await client.call('CLIENT', 'ID')),
      close: async () => client.disconnect(),
    };
  },
  end: 'close',
});

const drivers: readonly Driver[] = [
  {
    name: 'pg',
    make: pg,
    require: requirePostgres,
    async open(note) {
      const pool = new (require('pg').Pool)({ ...inPostgres, max: 1 });
      let pid = 0;
      pool.on('connect', (client: any) => {
        pid = client.processID;
        listen(client, ['notice', 'error', 'end'], note);
      });
      listen(pool, ['error', 'remove'], note);
      return {
        ask: () => pool.query('SELECT 1'),
        cut: () => cutPostgres(pid),
        close: () => pool.end(),
      };
    },
    end: 'end',
  },
  {
    name: 'postgres',
    make: postgres,
    require: requirePostgres,
    async open(note) {
      const sql = require('postgres')({
        ...inPostgres,
        max: 1,
        backoff: false,
        onnotice: () => note('notice'),
        onclose: () => note('close'),
      });
      return {
        ask: async () => await sql`SELECT 1`,
        cut: async () => cutPostgres((await sql`SELECT pg_backend_pid() AS pid`)[0].pid),
        close: () => sql.end(),
      };
    },
    end: 'close',
  },
  mysqlLike('mysql2'),
  mysqlLike('mysql'),
  {
    name: 'mariadb',
    make: mariadb,
    require: requireMariadb,
    async open(note) {
      const pool = require('mariadb/callback').createPool({ ...inMariadb, connectionLimit: 1 });
      let id = 0;
      pool.on('connection', (connection: any) => {
        id = connection.threadId;
        listen(connection, ['error', 'end'], note);
      });
      pool.on('error', () => note('pool error'));
      return {
        ask: () => called((done) => pool.query('SELECT 1', done)),
        cut: () => cutMariadb(id),
        close: () => called((done) => pool.end(done)),
      };
    },
    end: 'error',
  },
  {
    name: 'redis',
    make: redis,
    require: requireRedis,
    async open(note) {
      const { createClient } = require('redis');
      const socket = { host: '127.0.0.1', reconnectStrategy: () => 10 };
      const client = createClient({ socket });
      listen(client, ['connect', 'ready', 'error', 'end', 'reconnecting'], note);
      return {
        ask: async () => {
          if (!client.isOpen) await client.connect();
          return client.get('sonde:idle');
        },
        cut: async () => cutRedis(await client.sendCommand(['CLIENT', 'ID'])),
        close: () => client.close(),
      };
    },
    end: 'error',
  },
  ioredisLike('ioredis'),
  ioredisLike('iovalkey'),
  {
    name: 'mongodb (against a stub of the wire protocol)',
    make: mongodb,
    async open(note) {
      const { MongoClient } = require('mongodb');
      const stub = await startMongoStub();
      const client = new MongoClient(`mongodb://127.0.0.1:${stub.port}/`);
      const events = ['connectionClosed', 'connectionPoolCleared', 'serverHeartbeatFailed'];
      listen(client, [...events, 'serverDescriptionChanged', 'connectionCreated'], note);
      return {
        ask: () => client.db('test').command({ ping: 1 }),
        cut: async () => stub.disconnect(),
        async close() {
          await client.close();
          await stub.close();
        },
      };
    },
    end: 'connectionClosed',
  },
];

describe('an idle connection', () => {
  let process: ArmedProcess;

  afterEach(() => process?.stop());

  for (const driver of drivers) {
    it(`of ${driver.name} is cut in nobody's name, and the next call keeps its own ids (A29)`, async function () {
      this.timeout(20_000);
      await driver.require?.(this);
      process = armed([driver.make()]);
      const seen: [event: string, isNobodys: boolean, id: string | undefined][] = [];
      let gone = () => {};
      const cut = new Promise<void>((resolve) => {
        gone = resolve;
      });
      const opened = await process.within('opener', () =>
        driver.open((event) => {
          seen.push([event, activeContext() === rootContext, correlationHere()]);
          if (event === driver.end) gone();
        }),
      );
      await process.within('opener', () => opened.ask());
      await opened.cut();
      await cut;
      const later = await process.within('later', async () => {
        await opened.ask();
        return correlationHere();
      });
      await opened.close();
      expect(later).to.equal('later');
      expect(seen.map(([event]) => event)).to.include(driver.end);
      for (const each of seen) expect(each).to.deep.equal([each[0], true, undefined]);
    });
  }
});
