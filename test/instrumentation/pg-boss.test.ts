import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { pg } from '../../instrumentation/pg.ts';
import { pgBoss } from '../../instrumentation/pg-boss.ts';
import { defaults } from '../../src/config/config.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { extract } from '../../src/context/unit.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { startedBoss } from '../support/boss.ts';
import { requirePostgres } from '../support/services.ts';

const key = 'sonde.context';

describe('pg-boss', () => {
  let process: ArmedProcess;
  let boss: any;
  let queue: string;

  before(async function () {
    await requirePostgres(this);
  });

  beforeEach(async () => {
    process = armed([pgBoss(), pg()]);
    queue = `sonde-${randomUUID()}`;
    boss = await startedBoss();
    await boss.createQueue(queue);
  });

  afterEach(async () => {
    await boss.close();
    await process.stop();
  });

  const named = (name: string) => process.spans.filter((each) => each.name === name);
  const here = () => stampOf(activeContext());

  /** What lies in the table: what a worker without Sonde gets. */
  async function stored(): Promise<any[]> {
    const sql = 'SELECT data FROM sonde_boss.job WHERE name = $1 ORDER BY created_on, id';
    const { rows } = await boss.getDb().executeSql(sql, [queue]);
    return rows.map(({ data }: { data: unknown }) => data);
  }

  it('gives the app its own data back, whatever they are (A31)', async () => {
    class Order {
      readonly id = 7;
    }
    const bytes = { at: new Date(0), text: 'x' };
    const given: unknown[] = [{ text: 'tea' }, {}, null, undefined, ['a'], 'text', 7, new Order(), bytes];
    await process.within('web-1', () => boss.insert(given.map((data) => ({ name: queue, data }))));
    for (const data of [{}, null, undefined]) {
      await process.within('web-2', () => boss.send(queue, data, { priority: 1 }));
      given.push(data);
    }
    const back = await boss.fetch(queue, { batchSize: given.length });
    const plain = given.map((data) => JSON.parse(JSON.stringify(data ?? null)));
    const texts = (all: unknown[]) => all.map((data) => JSON.stringify(data)).sort();
    expect(texts(back.map(({ data }: { data: unknown }) => data))).to.deep.equal(texts(plain));
    const one = await boss.getJobById(queue, back[0].id);
    expect(JSON.stringify(one.data)).to.equal(JSON.stringify(back[0].data));
  });

  it('adds one key beside the data, and nothing to data of the app that it would change (A31)', async () => {
    for (const data of [{ text: 'tea' }, [1], { [key]: 'mine' }]) {
      await process.within('web-1', () => boss.insert([{ name: queue, data }]));
    }
    const [object, list, taken] = await stored();
    expect(Object.keys(object)).to.deep.equal(['text', key]);
    expect(object[key].traceparent).to.match(/^00-/);
    expect(list).to.deep.equal([1]);
    expect(taken).to.deep.equal({ [key]: 'mine' });
    const jobs = await boss.fetch(queue, { batchSize: 3 });
    expect(jobs.map(({ data }: any) => data)).to.deep.include.members([{ [key]: 'mine' }]);
  });

  it('takes a batch for a unit of its own that is linked to each sender; extract() finds one of them (A31)', async () => {
    await process.within('web-1', () => boss.insert([{ name: queue, data: { n: 1 } }]));
    await process.within('web-2', () => boss.insert([{ name: queue, data: { n: 2 } }]));
    const seen = await new Promise<any[]>((resolve) => {
      void boss.work(queue, { batchSize: 2, pollingIntervalSeconds: 0.5 }, async (jobs: any[]) => {
        const each = jobs.map((job) => [job.data.n, extract(job, () => here().correlationId)]);
        resolve([here(), each]);
      });
    });
    while (named(`process ${queue}`).length === 0) await process.ended(process.spans.length + 1);
    const [batch] = named(`process ${queue}`);
    const sent = named(`send ${queue}`).map((span) => span.spanContext().spanId);
    expect(batch?.parentSpanContext).to.equal(undefined);
    expect(batch?.links.map(({ context }) => context.spanId)).to.have.members(sent);
    expect(batch?.attributes['messaging.batch.message_count']).to.equal(2);
    expect(seen[0].correlationId).to.equal(batch?.spanContext().traceId);
    expect(seen[1]).to.have.deep.members([
      [1, 'web-1'],
      [2, 'web-2'],
    ]);
  });

  it('sees what the app fetches by itself, linked to the senders, and no question of a worker (A31)', async () => {
    await process.within('web-1', () => boss.send(queue, { n: 1 }));
    const [job] = await boss.fetch(queue);
    const [received] = named(`receive ${queue}`);
    expect(received?.links.map(({ context }) => context.spanId)).to.deep.equal([
      named(`send ${queue}`)[0]?.spanContext().spanId,
    ]);
    expect(extract(job, () => here().correlationId)).to.equal('web-1');
    const before = process.spans.length;
    await boss.work(queue, { pollingIntervalSeconds: 0.5 }, async () => {});
    await new Promise((done) => setTimeout(done, 700));
    expect(process.spans.slice(before).map(({ name }) => name)).to.deep.equal([]);
  });

  it('tells how many jobs wait, where somebody asks for it, without a trace of its own (A58)', async () => {
    await boss.send(queue, { n: 1 });
    expect(await process.points('sonde.queue.depth')).to.deep.equal([]);
    await process.stop();
    process = armed([pgBoss(), pg()], undefined, {
      ...defaults,
      messaging: { relation: 'parent', depth: true },
    });
    const other = await startedBoss();
    try {
      await other.send(queue, { n: 2 });
      await other.fetch(queue);
      const count = process.spans.length;
      const points = await process.points('sonde.queue.depth');
      const own = points.filter(({ attributes }) => attributes.queue === queue);
      expect(own.map(({ attributes, count }) => [attributes.state, count])).to.deep.equal([
        ['created', 1],
        ['retry', 0],
        ['active', 1],
      ]);
      expect(process.spans).to.have.length(count);
    } finally {
      await other.close();
    }
    expect(await process.points('sonde.queue.depth')).to.deep.equal([]);
  });

  it('fails on what is no job just as pg-boss does', async () => {
    const refusing = new Proxy({}, { ownKeys: () => ['a'], has: () => fail(), get: () => fail() });
    const fail = (): never => {
      throw new RangeError('not this');
    };
    const failures = async (one: any) => {
      const sent = [undefined, 7, {}, { name: queue, data: refusing }].map((each) => one.send(each));
      const inserted = [undefined, 7, [null], [{ name: queue, data: refusing }]].map((each) =>
        one.insert(each),
      );
      const all = await Promise.allSettled([...sent, ...inserted]);
      return all.map((each) => (each.status === 'rejected' ? String(each.reason) : typeof each.value));
    };
    const armedFailures = await failures(boss);
    process.armed.disarm();
    const other = await startedBoss();
    expect(armedFailures).to.deep.equal(await failures(other));
    await other.close();
  });

  it('is all there under its own names, and as it was when disarmed', async () => {
    expect([boss.send, boss.insert, boss.fetch, boss.getJobById].map((each) => typeof each)).to.deep.equal(
      Array(4).fill('function'),
    );
    process.armed.disarm();
    await boss.send(queue, { text: 'tea' });
    const other = await startedBoss();
    await other.send(queue, { text: 'tea' });
    expect((await stored()).at(-1)).to.deep.equal({ text: 'tea' });
    await other.close();
  });
});
