/** A server that speaks as much of MongoDB's wire protocol as the driver needs to be tested: no MongoDB is at hand. */
import { once } from 'node:events';
import net from 'node:net';
import { BSON, type Document } from 'mongodb';

const opReply = 1;
const opQuery = 2004;
const opMessage = 2013;
const headerBytes = 16;

export interface MongoStub {
  readonly port: number;
  /** The documents of each collection. */
  readonly collections: Map<string, Document[]>;
  /** Ends every connection there is, and takes new ones. */
  disconnect(): void;
  close(): Promise<void>;
}

const hello = {
  helloOk: true,
  isWritablePrimary: true,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
  minWireVersion: 0,
  maxWireVersion: 21,
  ok: 1,
};

/** Knows hello, find, getMore, insert and ping; every other command is an error 59, as the server says it. */
export async function startMongoStub(): Promise<MongoStub> {
  const collections = new Map<string, Document[]>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let pending = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= headerBytes && pending.length >= pending.readInt32LE(0)) {
        const length = pending.readInt32LE(0);
        socket.write(answerTo(pending.subarray(0, length), collections));
        pending = pending.subarray(length);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const disconnect = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as net.AddressInfo).port,
    collections,
    disconnect,
    async close() {
      disconnect();
      server.close();
      await once(server, 'close');
    },
  };
}

function answerTo(message: Buffer, collections: Map<string, Document[]>): Buffer {
  const opcode = message.readInt32LE(12);
  const body = opcode === opQuery ? queryOf(message) : commandOf(message);
  const document = Buffer.from(BSON.serialize(replyTo(body, collections)));
  const isQuery = opcode === opQuery;
  const head = Buffer.alloc(headerBytes + (isQuery ? 20 : 5));
  head.writeInt32LE(head.length + document.length, 0);
  head.writeInt32LE(message.readInt32LE(4), 8);
  head.writeInt32LE(isQuery ? opReply : opMessage, 12);
  if (isQuery) head.writeInt32LE(1, 32);
  return Buffer.concat([head, document]);
}

function queryOf(message: Buffer): Document {
  const afterName = message.indexOf(0, headerBytes + 4) + 1 + 8;
  return BSON.deserialize(message.subarray(afterName));
}

/** A command, with the sequences of documents that come beside it put into it. */
function commandOf(message: Buffer): Document {
  const sequences: Record<string, Document[]> = {};
  let body: Document = {};
  let at = headerBytes + 4;
  while (at < message.length) {
    const kind = message[at];
    const size = message.readInt32LE(at + 1);
    if (kind === 0) body = BSON.deserialize(message.subarray(at + 1, at + 1 + size));
    else {
      const nameEnd = message.indexOf(0, at + 5);
      const name = message.toString('utf8', at + 5, nameEnd);
      sequences[name] = documentsIn(message.subarray(nameEnd + 1, at + 1 + size));
    }
    at += 1 + size;
  }
  return { ...body, ...sequences };
}

function documentsIn(bytes: Buffer): Document[] {
  const documents: Document[] = [];
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at))
    documents.push(BSON.deserialize(bytes.subarray(at, at + bytes.readInt32LE(at))));
  return documents;
}

function replyTo(command: Document, collections: Map<string, Document[]>): Document {
  const [name = ''] = Object.keys(command);
  if (/^(?:hello|ismaster)$/i.test(name)) return hello;
  if (name === 'find') {
    const { id, batch } = batchOf(command.find, 0, command.batchSize, collections);
    return { cursor: { id, ns: `test.${command.find}`, firstBatch: batch }, ok: 1 };
  }
  if (name === 'getMore') {
    const { collection, batchSize } = command;
    const { id, batch } = batchOf(collection, Number(command.getMore), batchSize, collections);
    return { cursor: { id, ns: `test.${collection}`, nextBatch: batch }, ok: 1 };
  }
  if (name === 'insert') return insert(command, collections);
  if (name === 'ping' || name === 'endSessions') return { ok: 1 };
  return { ok: 0, code: 59, codeName: 'CommandNotFound', errmsg: `no such command: '${name}'` };
}

/** A cursor's id is the place where it goes on; 0 is the end. */
function batchOf(
  collection: string,
  from: number,
  size = Number.POSITIVE_INFINITY,
  collections: Map<string, Document[]>,
): { readonly id: unknown; readonly batch: Document[] } {
  const all = collections.get(collection) ?? [];
  const batch = all.slice(from, from + size);
  const end = from + batch.length;
  return { id: BSON.Long.fromNumber(end < all.length ? end : 0), batch };
}

function insert(command: Document, collections: Map<string, Document[]>): Document {
  const all = collections.get(command.insert) ?? [];
  collections.set(command.insert, all);
  const taken = new Set(all.map(({ _id }) => _id));
  const writeErrors: Document[] = [];
  command.documents.forEach((document: Document, index: number) => {
    const errmsg = `E11000 duplicate key: ${JSON.stringify(document)}`;
    if (taken.has(document._id)) writeErrors.push({ index, code: 11000, errmsg });
    else all.push(document);
  });
  const n = command.documents.length - writeErrors.length;
  return { n, ok: 1, ...(writeErrors.length > 0 && { writeErrors }) };
}
