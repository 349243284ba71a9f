/** A real OTLP/HTTP receiver in a process of its own. It counts what arrives under each contender's path. */
import http from 'node:http';

interface Received {
  bytes: number;
  traces: number;
  metrics: number;
  logs: number;
}

const received = new Map<string, Received>();

const server = http.createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    count(request.url ?? '/', Buffer.concat(chunks));
    response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end();
  });
});

function count(url: string, body: Buffer): void {
  const [, sender = '', , signal = ''] = url.split('/');
  const entry = received.get(sender) ?? { bytes: 0, traces: 0, metrics: 0, logs: 0 };
  entry.bytes += body.length;
  if (signal === 'traces' || signal === 'metrics' || signal === 'logs') {
    entry[signal] += items(body, depth[signal]);
  }
  received.set(sender, entry);
}

/** Field numbers on the way down: resource_x, scope_x, item. They are the same for all three signals. */
const depth = { traces: [1, 2, 2], metrics: [1, 2, 2], logs: [1, 2, 2] } as const;

/** How many messages a protobuf holds at the end of a path of field numbers. */
function items(message: Buffer, path: readonly number[]): number {
  const [field, ...rest] = path;
  let found = 0;
  for (const part of parts(message, field!)) found += rest.length === 0 ? 1 : items(part, rest);
  return found;
}

function* parts(message: Buffer, wanted: number): Generator<Buffer> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = varint();
    const wire = key & 7;
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else {
      const length = varint();
      if (key >> 3 === wanted) yield message.subarray(at, at + length);
      at += length;
    }
  }
}

process.on('message', () => process.send!(Object.fromEntries(received)));
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => process.send!({ port: (server.address() as { port: number }).port }));
