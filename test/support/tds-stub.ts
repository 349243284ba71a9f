/** A server that speaks as much of TDS as `tedious` needs to be tested: no SQL Server is at hand. */
import { once } from 'node:events';
import net from 'node:net';

const headerBytes = 8;
const lastOfMessage = 1;
const kinds = { batch: 1, call: 3, answer: 4, transaction: 14, login: 16, prelogin: 18 };
const errorStatus = 2;
const countStatus = 0x10;

export interface TdsStub {
  readonly port: number;
  close(): Promise<void>;
}

/** Answers two rows to whatever asks `orders`, error 208 to what asks for something `missing`, else that it is done. */
export async function startTdsStub(): Promise<TdsStub> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    let pending = Buffer.alloc(0);
    let message = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= headerBytes && pending.length >= pending.readUInt16BE(2)) {
        const length = pending.readUInt16BE(2);
        message = Buffer.concat([message, pending.subarray(headerBytes, length)]);
        if ((pending[1]! & lastOfMessage) !== 0) {
          socket.write(packet(answerTo(pending[0]!, message)));
          message = Buffer.alloc(0);
        }
        pending = pending.subarray(length);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function packet(body: Buffer): Buffer {
  const head = Buffer.from([kinds.answer, lastOfMessage, 0, 0, 0, 0, 1, 0]);
  head.writeUInt16BE(headerBytes + body.length, 2);
  return Buffer.concat([head, body]);
}

function answerTo(kind: number, message: Buffer): Buffer {
  if (kind === kinds.prelogin) return prelogin;
  if (kind === kinds.login) return Buffer.concat([loginAck, done(0)]);
  if (kind === kinds.transaction) return transactionAnswer(message);
  const text = message.toString('utf16le');
  const shifted = message.subarray(1).toString('utf16le');
  const asks = (word: string) => text.includes(word) || shifted.includes(word);
  const isCall = kind === kinds.call;
  if (asks('missing')) return Buffer.concat([refusal, done(errorStatus, 0, isCall)]);
  if (asks('orders')) return Buffer.concat([columns, row(1), row(2), done(countStatus, 2, isCall)]);
  return done(0, 0, isCall);
}

/** Version and "no encryption": where each is, how long, and then both. */
const prelogin = Buffer.from([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff, 16, 0, 0, 0, 0, 0, 2]);

const wide = (text: string): Buffer => Buffer.from(text, 'utf16le');
const short = (text: string): Buffer => Buffer.concat([Buffer.from([text.length]), wide(text)]);

function token(kind: number, body: Buffer): Buffer {
  const head = Buffer.from([kind, 0, 0]);
  head.writeUInt16LE(body.length, 1);
  return Buffer.concat([head, body]);
}

const version74 = [0x74, 0, 0, 4];
const loginAck = token(
  0xad,
  Buffer.concat([Buffer.from([1, ...version74]), short('stub'), Buffer.from([16, 0, 0, 0])]),
);

function refusalOf(text: string): Buffer {
  const number = Buffer.alloc(4);
  number.writeInt32LE(208);
  const length = Buffer.alloc(2);
  length.writeUInt16LE(text.length);
  const place = [short('stub'), short(''), Buffer.alloc(4)];
  return token(0xaa, Buffer.concat([number, Buffer.from([1, 16]), length, wide(text), ...place]));
}
const refusal = refusalOf("Invalid object name 's3cret'.");

/** One column `id` of four byte integers. */
const columns = Buffer.concat([Buffer.from([0x81, 1, 0, 0, 0, 0, 0, 0, 0, 0x38]), short('id')]);

function row(id: number): Buffer {
  const bytes = Buffer.from([0xd1, 0, 0, 0, 0]);
  bytes.writeInt32LE(id, 1);
  return bytes;
}

function done(status: number, rows = 0, isCall = false): Buffer {
  const bytes = Buffer.alloc(13);
  bytes[0] = isCall ? 0xfe : 0xfd;
  bytes.writeUInt16LE(status, 1);
  bytes.writeBigUInt64LE(BigInt(rows), 5);
  return bytes;
}

/** What a transaction begins with is its descriptor, what it ends with the same as the old one. */
function transactionAnswer(message: Buffer): Buffer {
  const kind = message.readUInt16LE(message.readUInt32LE(0));
  const descriptor = Buffer.from([8, 1, 2, 3, 4, 5, 6, 7, 8]);
  const none = Buffer.from([0]);
  const began = token(0xe3, Buffer.concat([Buffer.from([8]), descriptor, none]));
  const ended = (type: number) => token(0xe3, Buffer.concat([Buffer.from([type]), none, descriptor]));
  const change = kind === 5 ? began : kind === 7 ? ended(9) : ended(10);
  return Buffer.concat([change, done(0)]);
}
