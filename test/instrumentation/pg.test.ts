import { once } from 'node:events';
import { createRequire } from 'node:module';
import net from 'node:net';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import pgModule from 'pg';
import QueryStream from 'pg-query-stream';
import { pg } from '../../instrumentation/pg.ts';
import { activeContext, rootContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { instrumentationContract } from '../support/instrumentation-contract.ts';
import { requirePostgres } from '../support/services.ts';

const { Client, Pool, Query } = pgModule;
// It brings no types.
const Cursor = createRequire(import.meta.url)('pg-cursor');
const place = { host: '127.0.0.1', user: 'postgres', database: 'postgres' };
const metric = 'db.client.operation.duration';
const pooled = Object.getPrototypeOf(Pool.prototype);

const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;
const caught = (promise: Promise<unknown>): Promise<any> =>
  promise.then(
    () => undefined,
    (error) => error,
  );

describe('pg', () => {
  let client: pgModule.Client;

  before(async function () {
    await requirePostgres(this);
    client = new Client(place);
    await client.connect();
    await client.query('CREATE TEMP TABLE sonde_orders (id int PRIMARY KEY, customer text)');
    await client.query("INSERT INTO sonde_orders VALUES (1, 'ann'), (2, 'bob')");
  });

  after(() => client?.end());

  instrumentationContract({
    name: 'pg',
    make: pg,
    metric,
    patched: () => [Client.prototype, pooled],
    succeed: () => client.query('SELECT * FROM sonde_orders'),
    fail: () => caught(client.query('INSERT INTO sonde_orders VALUES ($1, $2)', [1, 'ann'])),
    errorType: '23505',
    before: requirePostgres,
    apps: [
      'pg-require.cjs',
      'pg-named.mjs',
      'pg-default.mjs',
      'pg-dynamic.cjs',
      'pg-create-require.mjs',
      'pg-mixed.mjs',
    ],
    spanName: 'SELECT pg_class',
  });

  describe('traces', () => {
    let process: ArmedProcess;
    const names = () => process.calls().map(({ name }) => name);

    beforeEach(() => {
      process = armed([pg()]);
    });

    afterEach(() => process.stop());

    it('a query with the attributes of the semantic conventions', async () => {
      await client.query(
        "SELECT * FROM sonde_orders WHERE customer = 'ann' AND id IN (1, 2) AND id = $1",
        [1],
      );
      const [span] = process.calls();
      expect(span?.name).to.equal('SELECT sonde_orders');
      expect(span?.kind).to.equal(SpanKind.CLIENT);
      expect(span?.attributes).to.deep.equal({
        'db.system.name': 'postgresql',
        'db.namespace': 'postgres',
        'db.operation.name': 'SELECT',
        'db.collection.name': 'sonde_orders',
        'db.query.summary': 'SELECT sonde_orders',
        'db.query.text': 'SELECT * FROM sonde_orders WHERE customer = ? AND id IN (?) AND id = $1',
        'server.address': '127.0.0.1',
        'db.response.returned_rows': 1,
      });
      const [point] = await process.points(metric);
      expect(point?.attributes).to.deep.equal({
        'db.system.name': 'postgresql',
        'db.namespace': 'postgres',
        'db.operation.name': 'SELECT',
        'db.collection.name': 'sonde_orders',
        'db.query.summary': 'SELECT sonde_orders',
        'server.address': '127.0.0.1',
      });
    });

    const text = 'SELECT customer FROM sonde_orders WHERE id = $1';
    const forms: Record<string, (done: (error: unknown, result: any) => void) => unknown> = {
      'text and values, by promise': () => client.query(text, [1]),
      'a config object, by promise': () => client.query({ text, values: [1] }),
      'a named statement, by promise': () => client.query({ name: 'by-id', text, values: [1] }),
      'a config object and values, by promise': () => client.query({ text }, [1]),
      'text, values and callback': (done) => void client.query(text, [1], done),
      'a config object and callback': (done) => void client.query({ text, values: [1] }, done),
      'a callback in the config object': (done) =>
        client.query({ text, values: [1], callback: done } as never),
    };
    for (const [form, send] of Object.entries(forms)) {
      it(`${form}, once and with its result`, async () => {
        const result: any = await process.within('form', () => {
          return new Promise((resolve, reject) => {
            const returned = send((error, value) => {
              expect(correlationHere()).to.equal('form');
              if (error) reject(error);
              else resolve(value);
            });
            if (returned !== undefined) resolve(returned);
          });
        });
        expect(result.rows).to.deep.equal([{ customer: 'ann' }]);
        expect(names()).to.deep.equal(['SELECT sonde_orders']);
      });
    }

    it('one callback that is given to several queries, each time for its own caller', async () => {
      const seen: (string | undefined)[] = [];
      const done = () => seen.push(correlationHere());
      for (const id of ['first', 'second']) process.within(id, () => client.query('SELECT 1', done));
      await client.query('SELECT 1');
      expect(seen).to.deep.equal(['first', 'second']);
      expect(names()).to.deep.equal(['SELECT', 'SELECT', 'SELECT']);
    });

    it('leaves the app its own config object', async () => {
      const callback = () => {};
      const config = { text: 'SELECT 1', callback };
      client.query(config as never);
      await client.query('SELECT 2');
      expect(config).to.deep.equal({ text: 'SELECT 1', callback });
    });

    it('a query object by its events, each in the context of the caller', async () => {
      const seen: (string | undefined)[] = [];
      await process.within('events', async () => {
        const query: any = client.query(new Query('SELECT * FROM sonde_orders') as any);
        query.on('row', () => seen.push(correlationHere()));
        query.on('end', () => seen.push(correlationHere()));
        await once(query, 'end');
      });
      await client.query('SELECT 1');
      expect(seen).to.deep.equal(['events', 'events', 'events']);
      expect(names()).to.deep.equal(['SELECT sonde_orders', 'SELECT']);
      expect(process.calls()[0]?.attributes['db.response.returned_rows']).to.equal(2);
    });

    it('a cursor and a stream, until their last row, in the context of the caller', async () => {
      const text = 'SELECT * FROM sonde_orders';
      const seen: (string | undefined)[] = [];
      await process.within('cursor', async () => {
        const cursor: any = client.query(new Cursor(text));
        await new Promise<void>((resolve, reject) => {
          cursor.read(10, (error: unknown) => {
            seen.push(correlationHere());
            if (error) reject(error);
            else resolve();
          });
        });
        await cursor.close();
      });
      await process.within('stream', async () => {
        const stream = client.query(new QueryStream(text));
        stream.on('data', () => seen.push(correlationHere()));
        await once(stream, 'end');
      });
      await client.query('SELECT 1');
      expect(seen).to.deep.equal(['cursor', 'stream', 'stream']);
      expect(names()).to.deep.equal(['SELECT sonde_orders', 'SELECT sonde_orders', 'SELECT']);
      expect(process.calls()[0]?.attributes['db.response.returned_rows']).to.equal(2);
    });

    it('a query object that fails', async () => {
      const query: any = client.query(new Query('SELECT * FROM sonde_missing') as any);
      const [error] = await once(query, 'error');
      expect(error.code).to.equal('42P01');
      await client.query('SELECT 1');
      expect(process.calls()[0]?.attributes['error.type']).to.equal('42P01');
      expect(names()).to.deep.equal(['SELECT sonde_missing', 'SELECT']);
    });

    const missing = 'SELECT * FROM sonde_missing';
    const failing: Record<string, () => Promise<unknown>> = {
      promise: () => client.query(missing),
      callback: () => new Promise((_, reject) => client.query(missing, (error: unknown) => reject(error))),
      'named statement': () => client.query({ name: 'missing', text: missing }),
      cursor: () => client.query(new Cursor(missing)).read(1),
      stream: () => client.query(new QueryStream(missing)).toArray(),
    };
    for (const [form, fail] of Object.entries(failing)) {
      it(`the error of a ${form}, once`, async () => {
        expect(await process.within('failing', () => caught(fail()))).to.include({ code: '42P01' });
        await client.query('SELECT 1');
        const types = process.calls().map(({ attributes }) => attributes['error.type']);
        expect(types).to.deep.equal(['42P01', undefined]);
      });
    }

    const sleep = 'SELECT pg_sleep(60)';
    const sleeping: Record<string, (client: any) => Promise<unknown>> = {
      promise: (fresh) => fresh.query(sleep),
      'query object': (fresh) =>
        new Promise((_, reject) => fresh.query(new Query(sleep)).on('error', reject)),
      cursor: (fresh) => fresh.query(new Cursor(sleep)).read(1),
    };
    const ends: Record<string, [function: string, code: string]> = {
      'that somebody cancels': ['pg_cancel_backend', '57014'],
      'whose connection somebody cuts off': ['pg_terminate_backend', '57P01'],
    };
    for (const [form, ask] of Object.entries(sleeping)) {
      for (const [end, [how, code]] of Object.entries(ends)) {
        it(`a ${form} ${end}`, async () => {
          const fresh: any = new Client(place);
          fresh.on('error', () => {});
          await fresh.connect();
          const error = process.within('asker', () => caught(ask(fresh)));
          const isUnderWay = `SELECT ${how}(pid) FROM pg_stat_activity WHERE pid = $1 AND query = $2 AND wait_event = 'PgSleep'`;
          while ((await client.query(isUnderWay, [fresh.processID, sleep])).rowCount === 0);
          expect(await error).to.include({ code });
          await fresh.end().catch(() => {});
          const asked = process
            .calls()
            .filter((span) => span.attributes['db.query.text'] === 'SELECT pg_sleep(?)');
          expect(asked.map(({ attributes }) => attributes['error.type'])).to.deep.equal([code]);
        });
      }
    }

    it('a query whose answer takes too long, and one of a client that is closed', async () => {
      const fresh = new Client({ ...place, query_timeout: 20 });
      await fresh.connect();
      const late = await caught(fresh.query('SELECT pg_sleep(0.2)'));
      await fresh.end();
      const closed = await caught(fresh.query('SELECT 1'));
      expect([late.message, closed.message]).to.deep.equal([
        'Query read timeout',
        'Client was closed and is not queryable',
      ]);
      const seen = process.calls().map(({ attributes }) => attributes['error.type']);
      expect(seen).to.deep.equal(['Error', 'Error']);
    });

    it('a stream that is destroyed before its last row', async () => {
      const stream = client.query(new QueryStream('SELECT generate_series(1, 1000)', [], { batchSize: 2 }));
      for await (const _ of stream) break;
      await client.query('SELECT 1');
      expect(names()).to.deep.equal(['SELECT', 'SELECT']);
      expect(process.calls()[0]?.attributes['db.response.returned_rows']).to.be.within(1, 10);
    });

    it('several statements in one text as one call', async () => {
      const results: any = await client.query('SELECT 1 AS a; SELECT * FROM sonde_orders');
      expect(results).to.have.length(2);
      expect(names()).to.deep.equal(['SELECT SELECT sonde_orders']);
      expect(process.calls()[0]?.attributes['db.response.returned_rows']).to.equal(3);
    });

    it('an error with its SQLSTATE, the same error for the app, with the way it was called', async () => {
      async function placeOrder(): Promise<unknown> {
        return await client.query('INSERT INTO sonde_orders VALUES ($1, $2)', [1, 's3cret-name']);
      }
      const error = await caught(placeOrder());
      expect(error).to.be.instanceOf(pgModule.DatabaseError);
      expect(error.code).to.equal('23505');
      expect(error.stack).to.include('placeOrder');
      const [span] = process.calls();
      expect(span?.attributes).to.include({ 'error.type': '23505', 'db.response.status_code': '23505' });
      expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
    });

    it('no parameter value, no literal, and nothing of an error that quotes one (literals never leave)', async () => {
      await client.query("SELECT 's3cret-literal', $1::text, $$s3cret-dollar$$, E's3cret\\'escape'", [
        's3cret-value',
      ]);
      await caught(client.query('SELECT $1::int', ['s3cret-value']));
      await caught(client.query("SELECT 's3cret-value'::int"));
      await caught(client.query('SELECT "s3cret'));
      const seen = process
        .calls()
        .map(({ name, attributes, status, events }) => ({ name, attributes, status, events }));
      expect(seen).to.have.length(4);
      expect(JSON.stringify(seen)).to.not.include('s3cret');
    });

    it('an unhandled rejection as one still', async () => {
      const seen = new Promise((resolve) => {
        const others = globalThis.process.listeners('unhandledRejection');
        globalThis.process.removeAllListeners('unhandledRejection');
        globalThis.process.once('unhandledRejection', (reason) => {
          for (const other of others) globalThis.process.on('unhandledRejection', other);
          resolve(reason);
        });
      });
      void client.query('SELECT * FROM sonde_missing');
      expect(await seen).to.include({ code: '42P01' });
    });

    it('throws what pg throws for what is no query', () => {
      expect(() => client.query(null as never)).to.throw(TypeError, 'null or undefined query');
      expect(names()).to.deep.equal([]);
    });

    it('a connection nobody answers, under the work that asked', async () => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as net.AddressInfo;
      server.close();
      const pool = new Pool({ ...place, port });
      const error = await process.within('refused', () => caught(pool.query('SELECT 1')));
      expect(error.code).to.equal('ECONNREFUSED');
      const [span] = process.calls();
      expect(span?.name).to.equal('CONNECT postgres');
      expect(span?.attributes).to.include({ 'error.type': 'ECONNREFUSED', 'server.port': port });
      await pool.end();
    });
  });

  describe('keeps contexts apart', () => {
    let process: ArmedProcess;
    let pool: pgModule.Pool;

    beforeEach(() => {
      process = armed([pg()]);
      pool = new Pool({ ...place, max: 4 });
    });

    afterEach(async () => {
      await pool.end();
      await process.stop();
    });

    it('keeps the correlation id across a pg pool', async () => {
      await process.within('first', () => pool.query('SELECT 1'));
      const seen: (string | undefined)[] = [];
      await process.within('second', async () => {
        await pool.query('SELECT 1');
        seen.push(correlationHere());
        await new Promise<void>((resolve) => {
          pool.query('SELECT 1', () => {
            seen.push(correlationHere());
            setImmediate(() => {
              seen.push(correlationHere());
              resolve();
            });
          });
        });
        await new Promise<void>((resolve) => {
          pool.connect((_error, lent, release) => {
            seen.push(correlationHere());
            lent?.query('SELECT 1', () => {
              seen.push(correlationHere());
              release();
              resolve();
            });
          });
        });
      });
      expect(seen).to.deep.equal(['second', 'second', 'second', 'second', 'second']);
    });

    it('1,000 interleaved queries over one pool mix no ids (A29)', async () => {
      const ask = (id: string, at: number): Promise<void> =>
        process.within(id, async (span) => {
          const spanId = span.spanContext().spanId;
          const check = () => {
            expect(correlationHere()).to.equal(id);
            expect(stampOf(activeContext()).spanId).to.equal(spanId);
          };
          if (at % 2 === 0) {
            const { rows } = await pool.query('SELECT $1::text AS id', [id]);
            expect(rows).to.deep.equal([{ id }]);
            check();
          } else {
            await new Promise<void>((resolve, reject) => {
              pool.query('SELECT $1::text AS id', [id], (error) => {
                check();
                if (error) reject(error);
                else resolve();
              });
            });
          }
          await new Promise((resolve) => setTimeout(resolve, at % 5));
          check();
        });
      await Promise.all(Array.from({ length: 1000 }, (_, at) => ask(`request-${at}`, at)));
      const parents = process.calls().map((span) => span.parentSpanContext?.spanId);
      expect(new Set(parents).size).to.equal(1000);
    }).timeout(20_000);

    it('lets connections belong to nobody', async () => {
      const seen: unknown[] = [];
      pool.on('connect', (fresh) => {
        seen.push(activeContext());
        fresh.on('notice', () => seen.push(activeContext()));
        fresh.on('notification', () => seen.push(activeContext()));
      });
      pool.on('release', () => seen.push(activeContext()));
      await process.within('opener', async () => {
        const lent = await pool.connect();
        await lent.query('LISTEN sonde_news');
        await lent.query("DO $$ BEGIN RAISE NOTICE 'hello'; END $$");
        await lent.query("NOTIFY sonde_news, 'hello'");
        lent.release();
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(seen).to.have.length(4);
      expect(seen.every((context) => context === rootContext)).to.equal(true);
    });

    it('makes one span for a query through the pool, under the work that asked', async () => {
      await process.within('asker', async (span) => {
        await pool.query('SELECT 1 FROM pg_class LIMIT 1');
        expect(process.calls()).to.have.length(1);
        expect(process.calls()[0]?.parentSpanContext?.spanId).to.equal(span.spanContext().spanId);
      });
    });
  });
});
