/** Tail sampling in real processes: what matters is there whole, the rest not at all, and the books balance. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { preloadWays, runService, type Served } from '../support/service.ts';
import { requirePostgres } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

/** How often each path is asked for. */
const asked = { ok: 40, failed: 3, slow: 2, flagged: 2, audited: 2, called: 2 };
const requests = Object.values(asked).reduce((sum, count) => sum + count, 0);
/** Nothing is picked by chance. */
const sampled = 'a0f7651916cd43dd8448eb211c80319';

async function drive(port: number): Promise<void> {
  const calls = Object.entries(asked).flatMap(([path, count]) =>
    Array.from({ length: count }, async (_, at) => {
      const headers: Record<string, string> = { 'x-correlation-id': `${path}-${at}` };
      if (path === 'called') headers.traceparent = `00-${sampled}${at}-b7ad6b7169203331-01`;
      await (await fetch(`http://127.0.0.1:${port}/${path}`, { headers })).text();
    }),
  );
  await Promise.all(calls);
}

const env = {
  OTEL_TRACES_SAMPLER: 'sonde_tail',
  OTEL_TRACES_SAMPLER_ARG: '0',
  // A loaded machine is slow at everything.
  SONDE_TAIL_SLOW: 'off,/slow=300ms',
};

for (const node of nodeVersions()) {
  for (const [way, args] of preloadWays.filter(([name]) => name.startsWith('--require'))) {
    describe(`tail sampling (Node ${node.name}, ${way})`, function () {
      this.timeout(90_000);
      let served: Served<void>;
      const kept = ['failed', 'slow', 'flagged', 'called'] as const;

      before(async function () {
        await requirePostgres(this);
        const folder = appFolder(['pg'], join(import.meta.dirname, 'apps/tail'));
        served = await runService(args, { cwd: folder, node: node.path, env }, drive);
        expect(served.ended).to.include({ code: 0, signal: null, stderr: '' });
      });

      const of = (attributes: Record<string, unknown>) => String(attributes.correlation_id);
      const kindOf = (id: string) => id.replace(/-\d+$/, '');

      it('keeps the spans and the details of what failed, was slow, flagged or sampled by its caller', () => {
        for (const path of kept) {
          for (let at = 0; at < asked[path]; at++) {
            const id = `${path}-${at}`;
            const spans = served.sink.spans().filter((span) => of(span.attributes) === id);
            expect(
              spans.filter(({ kind }) => kind === 2),
              `${id}: server span`,
            ).to.have.length(1);
            const [root] = spans.filter(({ kind }) => kind === 2);
            const queries = spans.filter(({ kind }) => kind === 3);
            expect(queries, `${id}: queries`).to.have.length(path === 'failed' ? 2 : 1);
            for (const query of queries) {
              expect(query).to.include({ traceId: root!.traceId, parentSpanId: root!.spanId });
              expect(query.flags! & 1).to.equal(1);
            }
            const details = ['before the query', 'after the query'];
            const lines = served.ended.lines.filter((line) => line.of === id && line.level === 'DEBUG');
            expect(
              lines.map(({ message }) => message),
              id,
            ).to.deep.equal(details);
            for (const line of lines) expect(line.trace_id).to.equal(root!.traceId);
            const sent = served.sink
              .logs()
              .filter((log) => log.attributes.of === id && log.severityNumber === 5);
            expect(
              sent.map(({ body }) => body),
              id,
            ).to.deep.equal(details);
          }
        }
      });

      it('leaves no span and no detail of the others, whose records at their level are there as ever', () => {
        const there = new Set(served.sink.spans().map(({ attributes }) => kindOf(of(attributes))));
        expect([...there].sort()).to.deep.equal([...kept].sort());
        const details = served.sink.logs().filter(({ severityNumber }) => severityNumber < 9);
        const told = new Set(details.map(({ attributes }) => kindOf(String(attributes.of))));
        expect([...told].sort()).to.deep.equal([...kept].sort());
        expect(served.ended.lines.filter(({ message }) => message === 'asked')).to.have.length(requests);
        expect(served.sink.logs().filter(({ body }) => body === 'asked')).to.have.length(requests);
        expect(served.sink.logs().filter(({ body }) => body === 'exported')).to.have.length(asked.audited);
      });

      it('measures every request and every query, with exemplars that lead to what was kept', () => {
        const points = (name: string) =>
          served.sink.metrics().findLast((metric) => metric.name === name)?.points ?? [];
        const count = (name: string) => points(name).reduce((sum, point) => sum + Number(point.count), 0);
        expect(count('http.server.request.duration')).to.equal(requests);
        expect(count('db.client.operation.duration')).to.equal(requests + asked.failed);
        const exemplars = points('http.server.request.duration').flatMap(({ raw }) => raw.exemplars ?? []);
        const ids = new Set(served.sink.spans().map(({ traceId }) => traceId));
        expect(exemplars).to.not.have.length(0);
        for (const { traceId } of exemplars) expect(ids).to.include(Buffer.from(traceId).toString('hex'));
      });

      it('balances: what was made is delivered, or counted as sampled out', () => {
        const { status } = served.ended.lines.find((line) => line.status)!;
        const { counters } = status;
        expect(status).to.deep.include({
          sampler: 'sonde_tail{0}',
          tail: { traces: 0, bytes: 0, oldestMillis: 0 },
        });
        const made = requests * 2 + asked.failed;
        expect(counters['delivered.traces']).to.equal(served.sink.spans().length);
        expect(counters['emitted.traces'] + counters['tail.sampled_out.spans']).to.equal(made);
        const details = served.sink.logs().filter(({ severityNumber }) => severityNumber < 9).length;
        expect(details + counters['tail.sampled_out.logs']).to.equal(requests * 2);
        expect(
          counters['tail.kept.error'] + counters['tail.kept.slow'] + counters['tail.kept.flag'],
        ).to.equal(asked.failed + asked.slow + asked.flagged);
      });
    });
  }
}

/** Work that is still open when the process ends. */
const open = `
  const { getLogger, withSpan } = require('sonde');
  const log = getLogger('tail');
  withSpan('well', () => log.debug('left out'));
  const work = (last) => withSpan('open', async () => {
    log.debug('begun');
    withSpan('part', () => log.debug('in part'));
    await null;
    last();
    await new Promise(() => setInterval(() => {}, 60_000));
  });
`;
const ends: Record<string, readonly [script: string, signal?: NodeJS.Signals]> = {
  'process.exit': [`${open} work(() => process.exit(0));`],
  'an error that nobody caught': [`${open} work(() => setImmediate(() => { throw new Error('the end'); }));`],
  SIGTERM: [`${open} work(() => console.log('ready'));`, 'SIGTERM'],
  'the natural end': [
    `${open.replace(/await new Promise.*/, 'await new Promise(() => {});')} work(() => {});`,
  ],
  'the answer of a handler after which the process is frozen': [
    `${open} work(() => {});
    const handler = require('sonde').wrapHandler(async () => 'ok');
    handler({}, {}).then(() => process.kill(process.pid, 'SIGKILL'));`,
  ],
  'shutdown()': [`${open} work(() => require('sonde').init().shutdown().then(() => process.exit(0)));`],
};

describe('tail sampling at the end of the process', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = appFolder();
  });

  for (const [name, [script, signal]] of Object.entries(ends)) {
    it(`keeps what is open at ${name}, and not what had gone well`, async () => {
      const sink = await startSink();
      writeFileSync(join(folder, 'end.cjs'), script);
      let isSent = false;
      const ended = await runNode(['--require', 'sonde/register', 'end.cjs'], {
        cwd: folder,
        env: {
          ...env,
          OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
          ...(name.includes('frozen') && { SONDE_FLUSH_EACH: 'true' }),
        },
        onStdout(text, kill) {
          if (signal === undefined || isSent || !text.includes('ready')) return;
          isSent = true;
          kill(signal);
        },
      });
      await sink.close();
      expect(sink.spans().map((span) => span.name)).to.deep.equal(['part']);
      const details = sink.logs().filter(({ severityNumber }) => severityNumber === 5);
      expect(details.map(({ body }) => body)).to.deep.equal(['begun', 'in part']);
      const printed = ended.lines.filter(({ level }) => level === 'DEBUG').map(({ message }) => message);
      expect(printed).to.deep.equal(['begun', 'in part']);
    });
  }
});
