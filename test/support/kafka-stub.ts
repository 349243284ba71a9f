/**
 * As much of a Kafka broker as a client needs to send and to consume: one node, one partition a topic, one member a
 * group, at the wire. Records are kept as the bytes that came.
 */
import net from 'node:net';

export interface KafkaStub {
  readonly port: number;
  close(): Promise<void>;
}

/** Kinds of requests, and the one version of each that is spoken. */
const versions = {
  produce: [0, 3],
  fetch: [1, 4],
  listOffsets: [2, 0],
  metadata: [3, 0],
  offsetCommit: [8, 2],
  offsetFetch: [9, 1],
  coordinator: [10, 0],
  joinGroup: [11, 0],
  heartbeat: [12, 0],
  leaveGroup: [13, 0],
  syncGroup: [14, 0],
  apiVersions: [18, 0],
} as const;

const unsupportedVersion = 35;
const lastOffsetDeltaAt = 23;

class Reader {
  #at = 0;
  readonly #bytes: Buffer;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  int16 = (): number => this.#bytes.readInt16BE(this.#skip(2));
  int32 = (): number => this.#bytes.readInt32BE(this.#skip(4));
  int64 = (): bigint => this.#bytes.readBigInt64BE(this.#skip(8));
  int8 = (): number => this.#bytes.readInt8(this.#skip(1));
  string = (): string => this.#take(Math.max(this.int16(), 0)).toString();
  bytes = (): Buffer => this.#take(Math.max(this.int32(), 0));
  array = <T>(one: () => T): T[] => Array.from({ length: this.int32() }, one);
  #take(length: number): Buffer {
    const at = this.#skip(length);
    return this.#bytes.subarray(at, at + length);
  }
  #skip(length: number): number {
    this.#at += length;
    return this.#at - length;
  }
}

const int =
  (write: 'writeInt16BE' | 'writeInt32BE', length: number) =>
  (value: number): Buffer => {
    const bytes = Buffer.alloc(length);
    bytes[write](value);
    return bytes;
  };
const int16 = int('writeInt16BE', 2);
const int32 = int('writeInt32BE', 4);
const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return bytes;
};
const string = (text: string): Buffer => Buffer.concat([int16(Buffer.byteLength(text)), Buffer.from(text)]);
const bytes = (value: Buffer): Buffer => Buffer.concat([int32(value.length), value]);
const array = (items: Buffer[]): Buffer => Buffer.concat([int32(items.length), ...items]);
const none = int32(0);

/** Listens on a free port. */
export async function startKafkaStub(): Promise<KafkaStub> {
  const logs = new Map<string, Buffer[]>();
  const ends = new Map<string, bigint>();
  const sockets = new Set<net.Socket>();
  let assignment: Buffer = Buffer.alloc(0);
  let port = 0;

  function append(topic: string, records: Buffer): bigint {
    const first = ends.get(topic) ?? 0n;
    const batch = Buffer.from(records);
    batch.writeBigInt64BE(first);
    logs.set(topic, [...(logs.get(topic) ?? []), batch]);
    ends.set(topic, first + BigInt(batch.readInt32BE(lastOffsetDeltaAt)) + 1n);
    return first;
  }

  const node = (): Buffer => Buffer.concat([int32(0), string('127.0.0.1'), int32(port)]);
  const topicsOf = (read: Reader, partition: (topic: string) => Buffer[]): Buffer =>
    array(
      read.array(() => {
        const topic = read.string();
        return Buffer.concat([string(topic), array(read.array(() => Buffer.concat(partition(topic))))]);
      }),
    );

  const answers: Record<number, (read: Reader) => Buffer | Promise<Buffer>> = {
    [versions.apiVersions[0]]: () =>
      Buffer.concat([
        int16(0),
        array(
          Object.values(versions).map(([key, version]) => Buffer.concat([key, version, version].map(int16))),
        ),
      ]),
    [versions.metadata[0]]: (read) => {
      const partition = Buffer.concat([int16(0), int32(0), int32(0), array([int32(0)]), array([int32(0)])]);
      const topics = read.array(() => Buffer.concat([int16(0), string(read.string()), array([partition])]));
      return Buffer.concat([array([node()]), array(topics)]);
    },
    [versions.produce[0]]: (read) => {
      read.string();
      read.int16();
      read.int32();
      const topics = topicsOf(read, (topic) => {
        read.int32();
        return [int32(0), int16(0), int64(append(topic, read.bytes())), int64(-1n)];
      });
      return Buffer.concat([topics, none]);
    },
    [versions.fetch[0]]: async (read) => {
      for (const field of [read.int32, read.int32, read.int32, read.int32, read.int8]) field();
      let found = 0;
      const topics = topicsOf(read, (topic) => {
        read.int32();
        const from = read.int64();
        read.int32();
        const end = ends.get(topic) ?? 0n;
        const batches = (logs.get(topic) ?? []).filter((batch) => batch.readBigInt64BE() >= from);
        found += batches.length;
        return [int32(0), int16(0), int64(end), int64(end), none, bytes(Buffer.concat(batches))];
      });
      if (found === 0) await new Promise((done) => setTimeout(done, 20));
      return Buffer.concat([none, topics]);
    },
    [versions.listOffsets[0]]: (read) => {
      read.int32();
      return topicsOf(read, () => {
        read.int32();
        read.int64();
        read.int32();
        return [int32(0), int16(0), array([int64(0n)])];
      });
    },
    [versions.offsetCommit[0]]: (read) => {
      read.string();
      read.int32();
      read.string();
      read.int64();
      return topicsOf(read, () => {
        read.int32();
        read.int64();
        read.string();
        return [int32(0), int16(0)];
      });
    },
    [versions.offsetFetch[0]]: (read) => {
      read.string();
      return topicsOf(read, () => [int32(read.int32()), int64(-1n), string(''), int16(0)]);
    },
    [versions.coordinator[0]]: () => Buffer.concat([int16(0), node()]),
    [versions.joinGroup[0]]: (read) => {
      read.string();
      read.int32();
      read.string();
      read.string();
      const [[name, metadata] = ['', none]] = read.array(() => [read.string(), read.bytes()] as const);
      const member = Buffer.concat([string('m'), bytes(metadata)]);
      return Buffer.concat([int16(0), int32(1), string(name), string('m'), string('m'), array([member])]);
    },
    [versions.syncGroup[0]]: (read) => {
      read.string();
      read.int32();
      read.string();
      const [own] = read.array(() => [read.string(), read.bytes()] as const);
      assignment = own?.[1] ?? assignment;
      return Buffer.concat([int16(0), bytes(assignment)]);
    },
    [versions.heartbeat[0]]: () => int16(0),
    [versions.leaveGroup[0]]: () => int16(0),
  };

  async function answer(request: Buffer): Promise<Buffer> {
    const read = new Reader(request);
    const [kind, version, id] = [read.int16(), read.int16(), read.int32()];
    read.string();
    const isKnown = kind !== versions.apiVersions[0] || version === 0;
    const body = isKnown ? await answers[kind]!(read) : int16(unsupportedVersion);
    return bytes(Buffer.concat([int32(id), body]));
  }

  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    let waiting: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      waiting = Buffer.concat([waiting, chunk]);
      while (waiting.length >= 4 && waiting.length >= waiting.readInt32BE() + 4) {
        const request = waiting.subarray(4, waiting.readInt32BE() + 4);
        waiting = waiting.subarray(request.length + 4);
        void answer(request).then((response) => socket.writable && socket.write(response));
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as net.AddressInfo);
  return {
    port,
    close() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
