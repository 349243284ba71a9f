import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import { nats } from '../../instrumentation/nats.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { extract } from '../../src/context/unit.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { requireNats } from '../support/services.ts';

const require = createRequire(import.meta.url);

describe('nats', () => {
  let process: ArmedProcess;
  let connection: any;
  let subject: string;

  before(async function () {
    await requireNats(this);
  });

  beforeEach(async () => {
    process = armed([nats()]);
    connection = await require('@nats-io/transport-node').connect({ servers: '127.0.0.1' });
    subject = `sonde-${randomUUID()}`;
  });

  afterEach(async () => {
    await connection.close();
    await process.stop();
  });

  const named = (name: string) => process.spans.filter((each) => each.name === name);
  const here = () => stampOf(activeContext());
  const names = () => process.calls().map(({ name }) => name);

  it('takes a request for one span that its handler continues, and its answer for none (A31)', async () => {
    let seen = here();
    connection.subscribe(subject, {
      callback(_error: unknown, message: any) {
        seen = here();
        message.respond('tea');
      },
    });
    const answer = await process.within('web-1', () => connection.request(subject, 'what?'));
    expect(answer.string()).to.equal('tea');
    await process.ended(3);
    expect(names()).to.have.members([`process ${subject}`, `send ${subject}`]);
    const [sent] = named(`send ${subject}`);
    expect(named(`process ${subject}`)[0]?.parentSpanContext?.spanId).to.equal(sent?.spanContext().spanId);
    expect(seen.correlationId).to.equal('web-1');
  });

  it('leaves a loop its own context; extract() continues that of a message (A31)', async () => {
    const subscription = connection.subscribe(subject, { max: 1 });
    process.within('web-1', () => connection.publish(subject, 'tea'));
    const seen: unknown[] = [];
    for await (const message of subscription) {
      seen.push(
        here().correlationId,
        extract(message, () => here().correlationId),
      );
    }
    expect(seen).to.deep.equal([undefined, 'web-1']);
    expect(names()).to.deep.equal([`send ${subject}`]);
  });

  it('changes no headers of the app, and sends what is no message to NATS as it is', async () => {
    const own = require('@nats-io/transport-node').headers();
    own.set('tea', 'green');
    const subscription = connection.subscribe(subject, { max: 1 });
    connection.publish(subject, 'x', { headers: own });
    for await (const { headers } of subscription) {
      expect(headers.get('tea')).to.equal('green');
      expect(headers.get('traceparent')).to.match(/^00-/);
    }
    expect(own.keys()).to.deep.equal(['tea']);
    for (const wrong of [7, { a: 1 }, null]) {
      expect(() => connection.publish(subject, wrong)).to.throw(TypeError, 'payload types');
    }
    expect(() => connection.publish('', 'x')).to.throw();
  });

  it('leaves the context out where the message would not fit with it', async () => {
    const { max_payload } = connection.info;
    const subscription = connection.subscribe(subject, { max: 1 });
    connection.publish(subject, new Uint8Array(max_payload));
    for await (const message of subscription) {
      expect(message.data.length).to.equal(max_payload);
      expect(message.headers).to.equal(undefined);
    }
  });

  it('names what is asked of an inbox or a bucket by few names', async () => {
    connection.publish('_INBOX.abc.1', 'x');
    connection.publish('$KV.sessions.u42', 'x');
    connection.publish('$JS.API.INFO', '');
    await connection.flush();
    expect(names()).to.deep.equal(['send (temporary)', 'send $KV.sessions']);
  });

  it('links what a consumer of JetStream asks for by itself to its sender (A31)', async () => {
    const { jetstream, jetstreamManager } = require('@nats-io/jetstream');
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: subject, subjects: [subject] });
    const made = { durable_name: 'tests', ack_policy: 'explicit', filter_subject: subject };
    await manager.consumers.add(subject, made);
    try {
      const client = jetstream(connection);
      await process.within('web-1', () => client.publish(subject, 'tea'));
      const consumer = await client.consumers.get(subject, 'tests');
      const message = await consumer.next();
      expect(extract(message, () => here().correlationId)).to.equal('web-1');
      await message.ackAck();
      expect(await consumer.next({ expires: 1000 })).to.equal(null);
      const [received, nothing] = named(`receive ${subject}`);
      expect(received?.links.map(({ context }) => context.spanId)).to.deep.equal([
        named(`send ${subject}`)[0]?.spanContext().spanId,
      ]);
      expect(nothing?.links).to.deep.equal([]);
      expect(names()).to.have.length(3);
    } finally {
      await manager.streams.delete(subject);
    }
  });
});
