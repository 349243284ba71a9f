/** What RabbitMQ's channels can do to a message besides delivering it. */
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { SpanStatusCode } from '@opentelemetry/api';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { amqplib } from '../../instrumentation/amqplib.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { requireRabbitmq } from '../support/services.ts';

const { connect } = createRequire(import.meta.url)('amqplib');
const correlationHere = (): string | undefined => stampOf(activeContext()).correlationId;

describe('a message of amqplib', () => {
  let process: ArmedProcess;
  let connection: any;
  let channel: any;
  let queue: string;

  before(async function () {
    await requireRabbitmq(this);
  });

  beforeEach(async () => {
    process = armed([amqplib()]);
    connection = await connect('amqp://guest:guest@127.0.0.1');
    channel = await connection.createChannel();
    channel.on('error', () => {});
    queue = `sonde-${randomUUID()}`;
    await channel.assertQueue(queue, { durable: false });
  });

  afterEach(async () => {
    const last = await connection?.createChannel();
    await last?.deleteQueue(queue);
    await connection?.close();
    await process?.stop();
  });

  const all = (kind: string): ReadableSpan[] =>
    process.spans.filter(({ name }) => name === `${kind} ${queue}`);
  const send = (text: string): void =>
    process.within(text, () => void channel.sendToQueue(queue, Buffer.from(text)));

  /** Handles so many deliveries, one after the other, and gives the spans of their processing in that order. */
  async function handled(count: number, handle: (message: any, nth: number) => unknown, options = {}) {
    let nth = 0;
    await channel.consume(queue, (message: any) => handle(message, ++nth), options);
    while (all('process').length < count) await process.ended(process.spans.length + 1);
    return all('process');
  }
  const types = (spans: readonly ReadableSpan[]) => spans.map(({ attributes }) => attributes['error.type']);

  const refusals: Record<string, (message: any, requeue: boolean) => void> = {
    nack: (message, requeue) => channel.nack(message, false, requeue),
    reject: (message, requeue) => channel.reject(message, requeue),
    nackAll: (_message, requeue) => channel.nackAll(requeue),
  };
  for (const [name, refuse] of Object.entries(refusals)) {
    it(`that is refused by ${name} and delivered again is an error once, each time in the trace of its sender`, async () => {
      send('order');
      const ids: unknown[] = [];
      const spans = await handled(2, async (message, nth) => {
        ids.push(correlationHere());
        await null;
        if (nth === 1) refuse(message, true);
        else channel.ack(message);
      });
      expect(types(spans)).to.deep.equal(['refused', undefined]);
      expect(spans.map(({ status }) => status.code)).to.deep.equal([
        SpanStatusCode.ERROR,
        SpanStatusCode.UNSET,
      ]);
      const parents = spans.map(({ parentSpanContext }) => parentSpanContext?.spanId);
      expect(parents).to.deep.equal(Array(2).fill(all('send')[0]?.spanContext().spanId));
      expect(ids).to.deep.equal(['order', 'order']);
    });
  }

  it('that is refused together with those before it, as far as they are under way', async () => {
    for (const text of ['first', 'second', 'third']) send(text);
    let refuseAll = () => {};
    const refused = new Promise<void>((resolve) => {
      refuseAll = resolve;
    });
    const spans = await handled(3, async (message, nth) => {
      if (nth === 2) {
        channel.nack(message, true, false);
        refuseAll();
      }
      await refused;
      if (nth === 3) channel.ack(message);
    });
    expect(types(spans)).to.have.members(['refused', 'refused', undefined]);
  });

  it('that is acknowledged later, out of order or with all others, is one unit each', async () => {
    for (const text of ['first', 'second', 'third', 'fourth']) send(text);
    const messages: any[] = [];
    const spans = await handled(4, (message) => void messages.push(message));
    channel.ack(messages[1]);
    channel.nack(messages[0], false, false);
    channel.ackAll();
    await channel.checkQueue(queue);
    expect(types(spans)).to.deep.equal(Array(4).fill(undefined));
  });

  it('that nobody needs to acknowledge', async () => {
    send('order');
    const spans = await handled(1, () => {}, { noAck: true });
    expect(types(spans)).to.deep.equal([undefined]);
  });

  it('whose channel is closed meanwhile is processed to its end', async () => {
    send('order');
    const [span] = await handled(1, async () => {
      await channel.close();
      expect(correlationHere()).to.equal('order');
    });
    expect(span?.status.code).to.equal(SpanStatusCode.UNSET);
  });

  it("that is acknowledged twice breaks its channel in nobody's name, and leaves no span open", async () => {
    send('order');
    const closed = new Promise((resolve) => channel.on('close', resolve));
    const seen: unknown[] = [];
    channel.on('error', () => seen.push(correlationHere()));
    const spans = await handled(1, (message) => {
      channel.ack(message);
      channel.ack(message);
    });
    await closed;
    expect(seen).to.deep.equal([undefined]);
    expect(spans).to.have.length(1);
  });

  it("that does not come since the consumer was cancelled is no message, in nobody's name", async () => {
    const cancelled = new Promise<[unknown, unknown]>((resolve) => {
      void process.within('opener', () =>
        channel.consume(queue, (message: unknown) => resolve([message, correlationHere()])),
      );
    });
    const other = await connection.createChannel();
    await channel.checkQueue(queue);
    await other.deleteQueue(queue);
    expect(await cancelled).to.deep.equal([null, undefined]);
    expect(all('process')).to.deep.equal([]);
  });

  it('that no exchange takes is told by its confirmation, to the one who sent it', async () => {
    const confirming = await connection.createConfirmChannel();
    confirming.on('error', () => {});
    const told = await process.within(
      'sender',
      () =>
        new Promise((resolve) => {
          confirming.publish('sonde-missing', '', Buffer.from('order'), {}, (error: unknown) =>
            resolve([error instanceof Error, correlationHere()]),
          );
        }),
    );
    expect(told).to.deep.equal([true, 'sender']);
  });
});
