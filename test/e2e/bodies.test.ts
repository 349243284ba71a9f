/** Bodies in every form, read in every way: each event of a request carries the request's ids (A26, A27, A29). */

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { nodeVersions } from '../support/nodes.ts';
import type { SinkSpan } from '../support/otlp-sink.ts';
import { connect, type Wire } from '../support/raw-http.ts';
import { preloadWays, runService, type Served } from '../support/service.ts';
import { appFolder } from '../support/tarball.ts';

const readers = ['events', 'pipeline', 'iteration'] as const;
type Reader = (typeof readers)[number];

const turns = 3;
const parallel = 200;
const pipelined = 50;

interface Body {
  readonly headers: string;
  /** Each leaves 20 ms after the app has told that it read the one before: packets do not merge under load. */
  readonly packets: readonly string[];
  readonly bytes: number;
  /** How many `data` there are; `undefined` where the network decides. */
  readonly chunks: number | undefined;
}

const bodies: Record<string, Body> = {
  'in one packet': { headers: 'Content-Length: 4', packets: ['body'], bytes: 4, chunks: 1 },
  'in two packets 20 ms apart': {
    headers: 'Content-Length: 8',
    packets: ['body', 'body'],
    bytes: 8,
    chunks: 2,
  },
  'of 1 MB': {
    headers: 'Content-Length: 1000000',
    packets: ['x'.repeat(1_000_000)],
    bytes: 1_000_000,
    chunks: undefined,
  },
  chunked: {
    headers: 'Transfer-Encoding: chunked',
    packets: ['4\r\nbody\r\n', '4\r\nbody\r\n0\r\n\r\n'],
    bytes: 8,
    chunks: 2,
  },
};

function head(reader: Reader, id: string, headers: string, pieces = 1): string {
  return `POST /${reader} HTTP/1.1\r\nHost: a\r\nX-Pieces: ${pieces}\r\nX-Correlation-ID: ${id}\r\n${headers}\r\n\r\n`;
}

function packetsOf(reader: Reader, id: string, { headers, packets }: Body): string[] {
  const [first = '', ...rest] = packets;
  return [head(reader, id, headers, packets.length) + first, ...rest];
}

const answers = (text: string) => text.split(/ok \d+/).length - 1;
const piecesRead = (text: string) => text.split('102 Processing').length - 1;

async function sendApart(wire: Wire, packets: readonly string[]): Promise<void> {
  for (const [at, packet] of packets.entries()) {
    if (at > 0) await sleep(20);
    const before = piecesRead(await wire.read(() => true));
    await wire.send(packet);
    if (at < packets.length - 1) await wire.read((text) => piecesRead(text) > before);
  }
}

async function onOneConnection(port: number, reader: Reader, name: string, body: Body): Promise<void> {
  const wire = await connect(port);
  for (let turn = 1; turn <= turns; turn++) {
    await sendApart(wire, packetsOf(reader, idOf(reader, name, turn), body));
    const text = await wire.read((received) => answers(received) === turn);
    if (!text.endsWith(`ok ${body.bytes}`)) throw new Error(`wrong answer: ${text.slice(-200)}`);
  }
  wire.socket.end();
}

async function cut(port: number, reader: Reader): Promise<void> {
  const wire = await connect(port);
  const start = `${head(reader, idOf(reader, 'cut', 1), 'Content-Length: 100', 3)}body`;
  await sendApart(wire, [start, 'more', '']);
  wire.socket.destroy();
}

async function inParallel(port: number, reader: Reader): Promise<void> {
  const body = bodies['in two packets 20 ms apart']!;
  await Promise.all(
    Array.from({ length: parallel }, async (_, at) => {
      const wire = await connect(port);
      await sendApart(wire, packetsOf(reader, idOf(reader, 'parallel', at), body));
      await wire.read((text) => answers(text) === 1);
      wire.socket.destroy();
    }),
  );
}

async function inPipeline(port: number, reader: Reader): Promise<void> {
  const wire = await connect(port);
  const body = bodies['in one packet']!;
  const all = Array.from({ length: pipelined }, (_, at) =>
    packetsOf(reader, idOf(reader, 'pipelined', at), body).join(''),
  );
  await wire.send(all.join(''));
  await wire.read((text) => answers(text) === pipelined);
  wire.socket.end();
}

function idOf(reader: Reader, name: string, at: number): string {
  return `${reader}.${name.replaceAll(' ', '-')}.${at}`;
}

async function drive(port: number): Promise<void> {
  for (const reader of readers) {
    await Promise.all([
      ...Object.entries(bodies).map(([name, body]) => onOneConnection(port, reader, name, body)),
      cut(port, reader),
    ]);
    await inParallel(port, reader);
    await inPipeline(port, reader);
  }
  await sleep(100);
}

type Counts = Record<string, number>;

/** Each moment once, and `data` as often as the body has pieces. */
function momentsOf(reader: Reader, data: number): Counts {
  return {
    request: 1,
    data,
    end: 1,
    'timer in end': 1,
    'response finish': 1,
    'immediate in response finish': 1,
    'response close': 1,
    'immediate in response close': 1,
    ...(reader === 'events' && { 'request close': 1 }),
  };
}

function cutMomentsOf(reader: Reader): Counts {
  return {
    request: 1,
    data: 2,
    'response close': 1,
    'immediate in response close': 1,
    ...(reader === 'events' ? { 'request close': 1, 'request error': 1 } : { broken: 1 }),
  };
}

interface Observed {
  readonly seen: Record<string, Counts>;
  readonly served: Served<void>;
  readonly requestSpans: Map<string, SinkSpan>;
  readonly children: Map<string, SinkSpan[]>;
  readonly lines: Map<string, Record<string, any>[]>;
}

function observe(served: Served<void>): Observed {
  const spans = served.sink.spans();
  return {
    served,
    seen: served.ended.lines.find((line) => line.seen)?.seen ?? {},
    requestSpans: new Map(
      spans.filter((span) => span.kind === 2).map((span) => [String(span.attributes.correlation_id), span]),
    ),
    children: Map.groupBy(
      spans.filter((span) => span.kind === 1),
      (span) => String(span.attributes.of),
    ),
    lines: Map.groupBy(
      served.ended.lines.filter((line) => line.logger === 'bodies'),
      (line) => String(line.of),
    ),
  };
}

/** What is wrong, as `moment of id: what`; and how many ids were looked at. */
function judge({ seen, requestSpans, children, lines }: Observed, ids: readonly string[]) {
  const wrong: string[] = [];
  let events = 0;
  let right = 0;
  for (const id of ids) {
    const span = requestSpans.get(id);
    const own = children.get(id) ?? [];
    const ownIds = new Set(own.map((child) => child.spanId));
    events += 3 * Object.values(seen[id] ?? {}).reduce((sum, count) => sum + count, 0);
    for (const child of own) {
      const isRight =
        child.traceId === span?.traceId &&
        child.parentSpanId === span.spanId &&
        child.attributes.correlation_id === id;
      if (isRight) right += 1;
      else wrong.push(`span ${child.name} of ${id}: ${child.traceId} ${child.attributes.correlation_id}`);
    }
    for (const line of lines.get(id) ?? []) {
      const isRight =
        line.trace_id === span?.traceId &&
        (line.child ? ownIds.has(line.span_id) : line.span_id === span?.spanId) &&
        line.correlation_id === id;
      if (isRight) right += 1;
      else wrong.push(`line ${line.message} of ${id}: ${line.trace_id} ${line.correlation_id}`);
    }
  }
  return { events, right, wrong: wrong.slice(0, 10) };
}

for (const node of nodeVersions()) {
  for (const [way, args] of preloadWays) {
    describe(`bodies (Node ${node.name}, ${way})`, function () {
      this.timeout(90_000);
      let observed: Observed;

      before(async () => {
        const folder = appFolder([], join(import.meta.dirname, 'apps/bodies'));
        observed = observe(await runService(args, { cwd: folder, node: node.path }, drive));
      });

      function expectAllRight(ids: readonly string[]): number {
        const { events, right, wrong } = judge(observed, ids);
        expect(wrong).to.deep.equal([]);
        expect(right, 'lines and child spans with the right ids').to.equal(events);
        return events;
      }

      it('ends well, with one server span a request and not a word on stderr', () => {
        const { ended, sink } = observed.served;
        const requests = readers.length * (Object.keys(bodies).length * turns + 1 + parallel + pipelined);
        expect(ended).to.include({ code: 0, signal: null, stderr: '' });
        expect(observed.requestSpans.size).to.equal(requests);
        expect(sink.spans().filter((span) => span.kind === 2)).to.have.length(requests);
        expect(new Set([...observed.requestSpans.values()].map((span) => span.traceId)).size).to.equal(
          requests,
        );
        expect(sink.faults).to.deep.equal([]);
      });

      for (const reader of readers) {
        for (const [name, { chunks }] of Object.entries(bodies)) {
          it(`keeps every id of a body ${name}, read by ${reader}, on a connection kept alive (A26, A27)`, () => {
            const ids = Array.from({ length: turns }, (_, at) => idOf(reader, name, at + 1));
            for (const id of ids) {
              const data = chunks ?? observed.seen[id]?.data ?? 0;
              expect(data).to.be.greaterThan(0);
              expect(observed.seen[id]).to.deep.equal(momentsOf(reader, data));
            }
            expectAllRight(ids);
          });
        }

        it(`keeps every id of a body cut by the client, read by ${reader} (A26, A27)`, () => {
          const id = idOf(reader, 'cut', 1);
          expect(observed.seen[id]).to.deep.equal(cutMomentsOf(reader));
          expectAllRight([id]);
          expect(observed.requestSpans.get(id)?.attributes['error.type']).to.equal('aborted');
        });

        it(`keeps ${parallel} requests in parallel apart, read by ${reader} (A28, A29)`, () => {
          const ids = Array.from({ length: parallel }, (_, at) => idOf(reader, 'parallel', at));
          for (const id of ids) expect(observed.seen[id]).to.deep.equal(momentsOf(reader, 2));
          expect(expectAllRight(ids)).to.equal(parallel * 3 * (reader === 'events' ? 10 : 9));
        });

        it(`gives ${pipelined} pipelined requests a trace each, read by ${reader} (A29)`, () => {
          const ids = Array.from({ length: pipelined }, (_, at) => idOf(reader, 'pipelined', at));
          for (const id of ids) expect(observed.seen[id]).to.deep.equal(momentsOf(reader, 1));
          expect(expectAllRight(ids)).to.equal(pipelined * 3 * (reader === 'events' ? 9 : 8));
        });
      }

      it('sends every line by OTLP too, with the ids of the console', () => {
        const { ended, sink } = observed.served;
        const text = (...parts: unknown[]) => parts.join(' ');
        const sent = sink
          .logs()
          .filter((log) => log.scope === 'bodies')
          .map((log) =>
            text(log.body, log.attributes.of, log.traceId, log.spanId, log.attributes.correlation_id),
          );
        const printed = ended.lines
          .filter((line) => line.logger === 'bodies')
          .map((line) => text(line.message, line.of, line.trace_id, line.span_id, line.correlation_id));
        expect(sent).to.have.length(printed.length);
        expect(sent.sort()).to.deep.equal(printed.sort());
      });
    });
  }
}
