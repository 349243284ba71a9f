/** As much of SQS as its client needs to send and to receive, by the JSON protocol over HTTP. */
import { createHash, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SqsStub {
  readonly url: string;
  /** What clients have sent, as it came. */
  readonly sent: any[];
  close(): Promise<void>;
}

/** Listens on a free port. What was sent is received once; attributes as far as they are asked for. */
export async function startSqsStub(): Promise<SqsStub> {
  const sent: any[] = [];
  let waiting: any[] = [];
  const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
  const accept = (message: any) => {
    if (typeof message.MessageBody !== 'string') return undefined;
    sent.push(message);
    waiting.push(message);
    return { Id: message.Id, MessageId: randomUUID(), MD5OfMessageBody: md5(message.MessageBody) };
  };
  const answers: Record<string, (input: any) => object | undefined> = {
    SendMessage: accept,
    SendMessageBatch: ({ Entries }) => ({ Successful: Entries.map(accept), Failed: [] }),
    ReceiveMessage({ MessageAttributeNames = [] }) {
      const isAsked = ([name]: [string, unknown]) =>
        MessageAttributeNames.includes('All') || MessageAttributeNames.includes(name);
      const messages = waiting.map(({ MessageBody, MessageAttributes }) => {
        const attributes = Object.entries(MessageAttributes ?? {}).filter(isAsked);
        const asked = attributes.length > 0 && { MessageAttributes: Object.fromEntries(attributes) };
        return { MessageId: randomUUID(), Body: MessageBody, MD5OfBody: md5(MessageBody), ...asked };
      });
      waiting = [];
      return messages.length === 0 ? {} : { Messages: messages };
    },
  };

  function answerTo(command: string, text: string): object | undefined {
    try {
      return answers[command]?.(JSON.parse(text));
    } catch {
      return undefined;
    }
  }

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const command = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
    const answer = answerTo(command, Buffer.concat(chunks).toString());
    response.writeHead(answer ? 200 : 400, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(answer ?? { __type: 'com.amazonaws.sqs#UnsupportedOperation' }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
