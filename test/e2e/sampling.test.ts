/** Two services and one sampler: whole traces or none, with the share that each stands for. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Ended } from '../support/child.ts';
import type { OtlpSink, SinkSpan } from '../support/otlp-sink.ts';
import { runService } from '../support/service.ts';
import { appFolder } from '../support/tarball.ts';

/** Both of them; the first asks the second. */
const app = `
const http = require('node:http');
const { getLogger, init } = require('sonde');
console.log(JSON.stringify({ sampler: init().status().sampler }));
const log = getLogger('app');
const server = http.createServer(async (request, response) => {
  log.info('asked', { path: request.url });
  const next = process.env.NEXT && 'http://127.0.0.1:' + process.env.NEXT;
  if (next) await fetch(next + '/stock').then((each) => each.text());
  if (next && request.url === '/healthz')
    await new Promise((resolve) => http.get(next + '/stock', (answer) => answer.resume().on('end', resolve)));
  response.end('ok');
}).listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
process.on('SIGTERM', () => server.close(() => server.closeAllConnections()));
`;

const rules = [
  'route=/checkout/:cart keep',
  'route=/poll drop',
  'http.request.method=PUT 0.25',
  'route=/orders 0.5',
  'kind=client url.full=http://127.0.0.1:*/stock keep',
].join('; ');
const callerTrace = '0af7651916cd43dd8448eb211c80319c';

interface Run {
  readonly sink: OtlpSink;
  readonly front: Ended;
  readonly back: Ended;
}

async function ask(port: number, path: string, init: RequestInit = {}): Promise<void> {
  await (await fetch(`http://127.0.0.1:${port}${path}`, init)).text();
}

async function driven(): Promise<Run> {
  const folder = appFolder();
  writeFileSync(join(folder, 'app.cjs'), app);
  const args = ['--require', 'sonde/register', 'app.cjs'];
  const common = { OTEL_TRACES_SAMPLER: 'sonde_rules', SONDE_LOG_FORMAT: 'json' };
  const stock = { ...common, OTEL_SERVICE_NAME: 'stock', SONDE_SAMPLING_RULES: 'drop' };
  const {
    sink,
    driven: front,
    ended: back,
  } = await runService(args, { cwd: folder, env: stock }, async (next, { httpUrl }) => {
    const shop = {
      ...common,
      OTEL_SERVICE_NAME: 'shop',
      OTEL_TRACES_SAMPLER_ARG: '0',
      SONDE_SAMPLING_RULES: rules,
      NEXT: String(next),
      OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl,
    };
    const { ended } = await runService(args, { cwd: folder, env: shop }, async (port) => {
      for (let i = 0; i < 60; i++) await ask(port, '/orders?page=1');
      for (let i = 0; i < 5; i++) await ask(port, '/checkout/7');
      for (let i = 0; i < 5; i++) await ask(port, '/poll');
      for (let i = 0; i < 20; i++) await ask(port, '/profile', { method: 'PUT' });
      await ask(port, '/elsewhere');
      await ask(port, '/healthz');
      const traceparent = `00-${callerTrace}-b7ad6b7169203331-03`;
      const tracestate = 'vendor=1,ot=th:4;rv:6e6d1a75832a2f';
      await ask(port, '/poll', { headers: { traceparent, tracestate } });
    });
    return ended;
  });
  return { sink, front, back };
}

describe('sampling by rules across two services', function () {
  this.timeout(120_000);
  let run: Run;
  const spans = (): SinkSpan[] => run.sink.spans();
  const at = (service: string): SinkSpan[] =>
    spans().filter((each) => each.resource['service.name'] === service);
  const records = (ended: Ended) => ended.lines.filter(({ logger }) => logger === 'app');
  const idsAsked = (path: string): string[] =>
    records(run.front).flatMap((line) => (line.path === path ? [line.trace_id as string] : []));

  before(async () => {
    run = await driven();
  });

  it('keeps a trace whole or not at all', () => {
    const begun = spans().filter(({ kind, parentSpanId }) => kind === 2 && parentSpanId === '');
    expect(begun).to.not.be.empty;
    for (const { traceId } of begun) {
      const services = spans().flatMap((each) =>
        each.traceId === traceId ? [each.resource['service.name']] : [],
      );
      // The request that came, the one that went out, and the one that came to the other.
      expect(services.toSorted(), traceId).to.deep.equal(['shop', 'shop', 'stock']);
    }
  });

  const shares: [path: string, threshold: string, written: string][] = [
    ['/orders?page=1', '80000000000000', 'ot=th:8'],
    ['/checkout/7', '00000000000000', 'ot=th:0'],
    ['/profile', 'c0000000000000', 'ot=th:c'],
  ];
  for (const [path, threshold, written] of shares) {
    it(`keeps of ${path} the traces that the threshold says, and tells it to the receiver from both`, () => {
      const ids = idsAsked(path);
      const wanted = ids.filter((id) => id.slice(-14) >= threshold);
      const kept = new Set(spans().flatMap(({ traceId }) => (ids.includes(traceId) ? [traceId] : [])));
      expect(ids).to.not.be.empty;
      expect([...kept]).to.have.members(wanted);
      const states = new Set(spans().flatMap((each) => (kept.has(each.traceId) ? [each.traceState] : [])));
      expect([...states]).to.deep.equal(wanted.length === 0 ? [] : [written]);
    });
  }

  it('drops what a rule drops, and what none is about by the ratio', () => {
    for (const path of ['/poll', '/elsewhere']) {
      const ids = idsAsked(path).filter((id) => id !== callerTrace);
      expect(ids, path).to.not.be.empty;
      expect(spans().filter(({ traceId }) => ids.includes(traceId))).to.deep.equal([]);
    }
  });

  it("follows a caller's decision, and hands its threshold and randomness to both", () => {
    const followed = spans().filter(({ traceId }) => traceId === callerTrace);
    expect(followed.map(({ traceState }) => traceState)).to.deep.equal(
      Array(3).fill('vendor=1,ot=th:4;rv:6e6d1a75832a2f'),
    );
  });

  it('does not ask about health checks: they have no span', () => {
    expect(idsAsked('/healthz')).to.deep.equal([undefined]);
  });

  it('goes by the URL of what is asked for in the name of nobody', () => {
    // By fetch and by node:http, from the handler of the health check.
    const begun = spans().filter(({ kind, parentSpanId }) => kind === 3 && parentSpanId === '');
    expect(begun.map(({ traceState }) => traceState)).to.deep.equal(['ot=th:0', 'ot=th:0']);
    for (const { traceId } of begun) {
      const answered = at('stock').filter((each) => each.traceId === traceId);
      expect(answered.map(({ traceState }) => traceState)).to.deep.equal(['ot=th:0']);
    }
  });

  it('says in status() which traces are kept', () => {
    const [shop, stock] = [run.front, run.back].map(
      ({ lines }) => lines.find(({ sampler }) => sampler)?.sampler,
    );
    expect([shop, stock]).to.deep.equal(['sonde_rules{5 rules, else 0}', 'sonde_rules{1 rule, else 1}']);
  });

  it('lets metrics and logs see everything, whatever is sampled', () => {
    // A health check is not measured where it is answered; the two requests that its handler makes are.
    for (const [service, ended, measured, told] of [
      ['shop', run.front, 92, 93],
      ['stock', run.back, 94, 94],
    ] as const) {
      const durations = run.sink
        .metrics()
        .filter(
          ({ name, resource }) =>
            name === 'http.server.request.duration' && resource['service.name'] === service,
        );
      const seen = durations.at(-1)!.points.reduce((sum, { count = 0 }) => sum + count, 0);
      expect([service, seen]).to.deep.equal([service, measured]);
      expect(at(service).filter(({ kind }) => kind === 2)).to.have.length.below(seen);
      expect(records(ended)).to.have.length(told);
    }
  });

  it('leaves exemplars of sampled traces only', () => {
    const kept = new Set(spans().map(({ traceId }) => traceId));
    const exemplars = run.sink
      .metrics()
      .filter(({ name }) => name === 'http.server.request.duration')
      .flatMap(({ points }) => points.flatMap(({ raw }) => (raw.exemplars ?? []) as { traceId: Buffer }[]));
    expect(exemplars).to.not.be.empty;
    for (const { traceId } of exemplars) expect(kept).to.include(Buffer.from(traceId).toString('hex'));
  });
});
