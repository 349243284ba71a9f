/** The proof of no mixing (A29): 1,000 requests at once over one keep-alive socket and one pg pool. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { nodeVersions } from '../support/nodes.ts';
import type { SinkSpan } from '../support/otlp-sink.ts';
import { connect } from '../support/raw-http.ts';
import { preloadWays, runService, type Served } from '../support/service.ts';
import { requirePostgres } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const requests = 1_000;
const idOf = (at: number) => `mix-${at}`;

async function drive(port: number): Promise<string> {
  const wire = await connect(port);
  const heads = Array.from(
    { length: requests },
    (_, at) => `GET /work HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: ${idOf(at)}\r\n\r\n`,
  );
  await wire.send(heads.join(''));
  const text = await wire.read((received) => received.split('\r\n\r\nok').length > requests);
  await sleep(100);
  wire.socket.destroy();
  return text;
}

/** Each way to query has moments of its own. */
function momentsOf(at: number): string[] {
  const extra = [['query callback'], ['client'], []][at % 3] as string[];
  const common = [
    'request',
    'after a pause',
    'after the query',
    'microtask',
    'finish',
    'timer after the response',
  ];
  return [...common, ...extra].sort();
}

for (const node of nodeVersions()) {
  for (const [way, args] of preloadWays) {
    describe(`no mixing (Node ${node.name}, ${way})`, function () {
      this.timeout(90_000);
      let served: Served<string>;
      let lines: Map<string, Record<string, any>[]>;
      let requestSpans: Map<string, SinkSpan>;
      const ticks = /for nobody$|^tick/;

      before(async function () {
        await requirePostgres(this);
        const folder = appFolder(['pg'], join(import.meta.dirname, 'apps/mixing'));
        served = await runService(args, { cwd: folder, node: node.path }, drive);
        lines = Map.groupBy(
          served.ended.lines.filter((line) => line.logger === 'mixing' && !ticks.test(line.message)),
          (line) => String(line.of),
        );
        requestSpans = new Map(
          served.sink
            .spans()
            .filter((span) => span.kind === 2)
            .map((span) => [String(span.attributes.correlation_id), span]),
        );
      });

      it('answers every one of 1,000 interleaved requests over one socket', () => {
        expect(served.ended).to.include({ code: 0, signal: null, stderr: '' });
        expect(served.driven.match(/^X-Correlation-ID: .*$/gim)).to.deep.equal(
          Array.from({ length: requests }, (_, at) => `X-Correlation-ID: ${idOf(at)}`),
        );
        const { mostInFlight } = served.ended.lines.find((line) => line.mostInFlight)!;
        expect(mostInFlight, 'requests in flight at once').to.be.greaterThan(100);
        expect(requestSpans.size).to.equal(requests);
      });

      it('mixes 0 ids in all log lines, before, in and after the pool (A29)', () => {
        let right = 0;
        for (let at = 0; at < requests; at++) {
          const id = idOf(at);
          const span = requestSpans.get(id);
          const own = lines.get(id) ?? [];
          expect(own.map((line) => line.message).sort()).to.deep.equal(momentsOf(at));
          for (const line of own) {
            expect(line, `${line.message} of ${id}`).to.include({
              trace_id: span?.traceId,
              span_id: span?.spanId,
              correlation_id: id,
              ...(line.message !== 'request' && { member: `member-${at}` }),
            });
            if (line.row !== undefined) expect(line.row).to.equal(id);
            right += 1;
          }
        }
        expect(right).to.equal(Math.ceil(requests / 3) + Math.floor((requests + 1) / 3) + requests * 6);
      });

      it('puts every SQL span under the request that asked (A29)', () => {
        const queries = served.sink
          .spans()
          .filter((span) => span.kind === 3 && String(span.attributes['db.query.text']).startsWith('SELECT'));
        const parents = new Map([...requestSpans.values()].map((span) => [span.spanId, span]));
        expect(queries).to.have.length(requests);
        for (const query of queries) {
          const parent = parents.get(query.parentSpanId);
          expect(query.traceId).to.equal(parent?.traceId);
          expect(query.attributes.correlation_id).to.equal(parent?.attributes.correlation_id);
        }
        expect(new Set(queries.map((query) => query.parentSpanId)).size).to.equal(requests);
      });

      it('gives no id to what merely outlives the request, and keeps it for what the request started (A29)', () => {
        const all = served.ended.lines;
        const nobody = all.filter((line) => /for nobody$/.test(line.message));
        const own = all.filter((line) => line.message === 'tick of the request');
        expect(nobody.length).to.be.greaterThan(10);
        expect(nobody.filter((line) => line.message === 'promise for nobody')).to.have.length(1);
        for (const line of nobody) expect(line).to.not.have.any.keys('trace_id', 'span_id', 'correlation_id');
        expect(own.length).to.be.greaterThan(10);
        const span = requestSpans.get(idOf(0));
        for (const line of own) {
          expect(line).to.include({
            trace_id: span?.traceId,
            span_id: span?.spanId,
            correlation_id: idOf(0),
          });
        }
      });
    });
  }
}
