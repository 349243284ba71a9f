import { createRequire } from 'node:module';
import { expect } from 'chai';
import { sqs } from '../../instrumentation/sqs.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { extract } from '../../src/context/unit.ts';
import { type ArmedProcess, armed } from '../support/armed.ts';
import { type SqsStub, startSqsStub } from '../support/sqs-stub.ts';

const require = createRequire(import.meta.url);

describe('sqs (against a stub of the JSON protocol)', () => {
  let process: ArmedProcess;
  let stub: SqsStub;
  let client: any;
  let commands: any;
  let QueueUrl: string;

  beforeEach(async () => {
    process = armed([sqs()]);
    stub = await startSqsStub();
    commands = require('@aws-sdk/client-sqs');
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    client = new commands.SQSClient({ region: 'eu-west-1', endpoint: stub.url, credentials, maxAttempts: 1 });
    QueueUrl = `${stub.url}/000000000000/mails`;
  });

  afterEach(async () => {
    client.destroy();
    await stub.close();
    await process.stop();
  });

  const named = (name: string) => process.spans.filter((each) => each.name === name);
  const here = () => stampOf(activeContext());
  const send = (input: object) => client.send(new commands.SendMessageCommand({ QueueUrl, ...input }));
  const receive = async (input: object = {}): Promise<any[]> => {
    const { Messages } = await client.send(new commands.ReceiveMessageCommand({ QueueUrl, ...input }));
    return Messages ?? [];
  };

  it('carries trace and correlation id in attributes, for extract() to continue (A31)', async () => {
    const { MessageId } = await process.within('web-1', () => send({ MessageBody: 'tea' }));
    const [sent] = named('send mails');
    expect(sent?.attributes).to.include({
      'messaging.system.name': 'aws.sqs',
      'messaging.destination.name': 'mails',
      'messaging.message.id': MessageId,
      'server.address': '127.0.0.1',
    });
    const [message] = await receive();
    expect(message.Body).to.equal('tea');
    const [received] = named('receive mails');
    expect(received?.links.map(({ context }) => context.spanId)).to.deep.equal([sent?.spanContext().spanId]);
    const seen = extract(message, here);
    expect([seen.correlationId, seen.traceId]).to.deep.equal(['web-1', sent?.spanContext().traceId]);
  });

  it('shows the app the attributes that it has asked for, and no others (A31)', async () => {
    const tea = { DataType: 'String', StringValue: 'green' };
    await send({ MessageBody: 'x', MessageAttributes: { tea } });
    expect(await receive()).to.have.length(1);
    for (const [asked, shown] of [
      [[], undefined],
      [['tea'], ['tea']],
      [
        ['tea', 'traceparent'],
        ['tea', 'traceparent'],
      ],
      [['All'], ['X-Correlation-ID', 'tea', 'traceparent']],
    ]) {
      await process.within('web-1', () => send({ MessageBody: 'x', MessageAttributes: { tea } }));
      const [message] = await receive({ MessageAttributeNames: asked });
      expect(message.MessageAttributes && Object.keys(message.MessageAttributes).sort()).to.deep.equal(shown);
      expect(extract(message, () => here().correlationId)).to.equal('web-1');
    }
  });

  it('writes into each message of a batch, in one span, and changes nothing of the app (A31)', async () => {
    const input = {
      QueueUrl,
      Entries: [
        { Id: '1', MessageBody: 'a' },
        { Id: '2', MessageBody: 'b' },
      ],
    };
    const before = structuredClone(input);
    await process.within('web-1', () => client.send(new commands.SendMessageBatchCommand(input)));
    expect(input).to.deep.equal(before);
    expect(
      named('send mails').map(({ attributes }) => attributes['messaging.batch.message_count']),
    ).to.deep.equal([2]);
    const messages = await receive();
    expect(messages.map((message) => extract(message, () => here().correlationId))).to.deep.equal([
      'web-1',
      'web-1',
    ]);
  });

  it('keeps to ten attributes and to the size of a message, the trace before the rest (A31)', async () => {
    const own = (count: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, at) => [`a${at}`, { DataType: 'String', StringValue: 'x' }]),
      );
    const added = async (input: object): Promise<string[]> => {
      await process.within('web-1', () => send(input));
      return Object.keys(stub.sent.at(-1).MessageAttributes ?? {}).filter((name) => !/^a\d/.test(name));
    };
    expect(await added({ MessageBody: 'x', MessageAttributes: own(8) })).to.deep.equal([
      'traceparent',
      'X-Correlation-ID',
    ]);
    expect(await added({ MessageBody: 'x', MessageAttributes: own(9) })).to.deep.equal(['traceparent']);
    expect(await added({ MessageBody: 'x', MessageAttributes: own(10) })).to.deep.equal([]);
    expect(await added({ MessageBody: 'x'.repeat(262_144) })).to.deep.equal([]);
    expect(await added({ MessageBody: 'x'.repeat(262_145) })).to.have.length(2);
  });

  it('fails on what is no message just as the SDK does', async () => {
    const { SendMessageCommand, SendMessageBatchCommand, ReceiveMessageCommand } = commands;
    const calls = [
      [SendMessageCommand, { QueueUrl, MessageBody: 'x', MessageAttributes: 'none' }],
      [SendMessageCommand, { QueueUrl, MessageBody: 'x', MessageAttributes: { a: null } }],
      [SendMessageCommand, {}],
      [SendMessageBatchCommand, { QueueUrl, Entries: 'none' }],
      [SendMessageBatchCommand, { QueueUrl, Entries: [null] }],
      [ReceiveMessageCommand, { QueueUrl: 7, MessageAttributeNames: 'none' }],
    ] as const;
    const outcomes = async () => {
      const sent = calls.map(([Command, input]) => client.send(new Command(input)));
      return (await Promise.allSettled(sent)).map(({ status }) => status);
    };
    const armedOutcomes = await outcomes();
    process.armed.disarm();
    expect(armedOutcomes).to.deep.equal(await outcomes());
  });

  it('is gone from clients when disarmed', async () => {
    process.armed.disarm();
    await send({ MessageBody: 'x' });
    expect(stub.sent.at(-1)).to.not.have.property('MessageAttributes');
    expect(process.spans).to.deep.equal([]);
  });
});
