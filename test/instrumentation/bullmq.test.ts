import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { bullmq } from '../../instrumentation/bullmq.ts';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { defaults } from '../../src/config/config.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { requireRedis } from '../support/services.ts';

const require = createRequire(import.meta.url);
const connection = { host: '127.0.0.1', port: 6379 };

describe('bullmq', () => {
  let process: ArmedProcess;
  let queues: any[];
  let workers: any[];
  let seen: (readonly [name: string, correlationId: string | undefined])[];

  before(async function () {
    await requireRedis(this);
  });

  beforeEach(() => {
    process = armed([bullmq(), ioredis()]);
    [queues, workers, seen] = [[], [], []];
  });

  afterEach(async () => {
    for (const worker of workers) await worker.close();
    for (const queue of queues) await queue.obliterate({ force: true }).finally(() => queue.close());
    await process.stop();
  });

  const named = (name: string) => process.spans.filter((each) => each.name === name);

  /** A queue whose worker remembers what it saw. */
  function open(): any {
    const { Queue, Worker } = require('bullmq');
    const queue = new Queue(`sonde-${randomUUID()}`, { connection });
    const work = async (job: any) => {
      seen.push([job.name, stampOf(activeContext()).correlationId]);
      return job.data;
    };
    queues.push(queue);
    workers.push(new Worker(queue.name, work, { connection }));
    return queue;
  }

  async function processed(count: number): Promise<void> {
    const all = () => process.spans.filter(({ name }) => name.startsWith('process '));
    while (all().length < count) await process.ended(process.spans.length + 1);
  }

  it('carries the context into each job of a bulk, sent in one span (A31)', async () => {
    const queue = open();
    const jobs = [
      { name: 'a', data: { n: 1 } },
      { name: 'b', data: {}, opts: { priority: 1 } },
    ];
    const before = structuredClone(jobs);
    await process.within('web-1', () => queue.addBulk(jobs));
    await processed(2);
    expect(jobs).to.deep.equal(before);
    expect(seen).to.have.deep.members([
      ['a', 'web-1'],
      ['b', 'web-1'],
    ]);
    const [sent] = named(`send ${queue.name}`);
    expect(sent?.attributes['messaging.batch.message_count']).to.equal(2);
    for (const { parentSpanContext } of named(`process ${queue.name}`)) {
      expect(parentSpanContext?.spanId).to.equal(sent?.spanContext().spanId);
    }
  });

  it('carries the context through a flow, over all of its queues (A31)', async () => {
    const { FlowProducer } = require('bullmq');
    const [mails, orders] = [open(), open()];
    const flows = new FlowProducer({ connection });
    const flow = {
      name: 'ship',
      queueName: orders.name,
      children: [
        {
          name: 'mail',
          queueName: mails.name,
          data: {},
          children: [{ name: 'text', queueName: mails.name }],
        },
      ],
    };
    const before = structuredClone(flow);
    await process.within('web-1', () => flows.add(flow));
    await processed(3);
    expect(flow).to.deep.equal(before);
    expect(seen).to.deep.equal([
      ['text', 'web-1'],
      ['mail', 'web-1'],
      ['ship', 'web-1'],
    ]);
    const [sent] = named('send');
    expect(sent?.attributes['messaging.batch.message_count']).to.equal(3);
    await process.within('web-2', () => flows.addBulk([{ name: 'ship', queueName: orders.name }]));
    await processed(4);
    expect(seen.at(-1)).to.deep.equal(['ship', 'web-2']);
    expect(named(`send ${orders.name}`)).to.have.length(1);
    const failed = await flows.add(undefined).catch((error: Error) => error);
    expect(failed).to.be.instanceOf(TypeError);
    await flows.close();
  });

  it('tells how many jobs wait, where somebody asks for it, without a trace of its own (A58)', async () => {
    const { Queue } = require('bullmq');
    const queue = new Queue(`sonde-${randomUUID()}`, { connection });
    queues.push(queue);
    await queue.add('a', {});
    expect(await process.points('sonde.queue.depth')).to.deep.equal([]);
    await process.stop();
    const config = { ...defaults, messaging: { relation: 'parent', depth: true } } as const;
    process = armed([bullmq(), ioredis()], undefined, config);
    await queue.add('b', {});
    await queue.add('c', {}, { delay: 60_000 });
    const count = process.spans.length;
    const points = await process.points('sonde.queue.depth');
    const depths = Object.fromEntries(points.map(({ attributes, count }) => [attributes.state, count]));
    expect(depths).to.include({ waiting: 2, active: 0, delayed: 1, failed: 0 });
    expect(points[0]?.attributes.queue).to.equal(queue.name);
    expect(process.spans).to.have.length(count);
  });

  it('leaves the context out where the app asks for it', async () => {
    const queue = open();
    await process.within('web-1', () => queue.add('a', {}, { telemetry: { omitContext: true } }));
    await processed(1);
    const [own] = named(`process ${queue.name}`);
    expect(own?.parentSpanContext).to.equal(undefined);
    expect(seen).to.deep.equal([['a', own?.spanContext().traceId]]);
  });
});
