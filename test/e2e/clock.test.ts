/** A clock that is put right by an hour while the process runs: what is measured, timed and tried again does not care. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';

const root = join(import.meta.dirname, '../..');
const hour = 3_600_000;

/** As the kernel does it: the wall clock alone. */
const program = `
const { getLogger, withSpan, init } = require('${root}/dist/index.cjs');
const log = getLogger('clock');
const wall = Date.now;
const by = Number(process.env.JUMP);
const work = (name) => withSpan(name, () => new Promise((resolve) => setTimeout(() => {
  log.info(name);
  resolve();
}, 50)));
(async () => {
  await work('before');
  const across = withSpan('across', () => new Promise((resolve) => setTimeout(resolve, 300)));
  // By now the first request was refused, and its batch waits for the next attempt.
  await new Promise((resolve) => setTimeout(resolve, 200));
  Date.now = () => wall() + by;
  log.info('jumped');
  require('node:fs').writeSync(1, 'jumped\\n');
  await across;
  await work('after');
  // No flush: it would make the waiting attempts at once.
  const counters = () => init().status().counters;
  while (counters()['delivered.traces'] !== 3 || counters()['delivered.logs'] !== counters()['emitted.logs'])
    await new Promise((resolve) => setTimeout(resolve, 100));
  console.log(JSON.stringify({ counters: counters() }));
})();`;

describe('a clock that is put right by an hour', function () {
  this.timeout(60_000);
  let sink: OtlpSink;
  let dir: string;
  beforeEach(async () => {
    sink = await startSink();
    dir = fs.mkdtempSync(join(tmpdir(), 'sonde-clock-'));
  });
  afterEach(async () => {
    await sink.close();
    fs.rmSync(dir, { recursive: true, force: true });
  });

  for (const [way, by] of Object.entries({ forward: hour, back: -hour })) {
    for (const spool of [false, true]) {
      it(`${way}, ${spool ? 'with a spool' : 'in memory'}: durations, retries and the books stay, timestamps follow`, async () => {
        sink.failAlways({ status: 503 });
        let healed = false;
        const heal = (text: string) => {
          if (!text.includes('jumped') || healed) return;
          healed = true;
          setTimeout(() => sink.failAlways(undefined), 1500);
        };
        const began = Date.now();
        const { code, lines, stderr } = await runNode(
          ['--require', `${root}/dist/register.cjs`, '-e', program],
          {
            onStdout: heal,
            env: {
              OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
              OTEL_METRICS_EXPORTER: 'none',
              OTEL_BSP_SCHEDULE_DELAY: '20',
              OTEL_BLRP_SCHEDULE_DELAY: '20',
              ...(spool && { SONDE_SPOOL_DIR: dir }),
              JUMP: String(by),
            },
          },
        );
        const ended = Date.now();
        expect(code, stderr).to.equal(0);
        const spans = new Map(sink.spans().map((span) => [span.name, span]));
        for (const [name, least] of Object.entries({ before: 49, across: 299, after: 49 })) {
          const { start, end } = spans.get(name)!;
          expect(Number(end - start) / 1e6, name).to.be.within(least, ended - began);
        }
        const times = new Map(sink.logs().map(({ body, time }) => [body, Number(time) / 1e6]));
        expect(times.get('before')).to.be.within(began, ended);
        for (const message of ['jumped', 'after'])
          expect(times.get(message), message).to.be.within(began + by, ended + by);
        expect(Number(spans.get('after')!.start) / 1e6).to.be.within(began + by, ended + by);
        const { counters } = lines.find((line) => 'counters' in line)!;
        expect(counters).to.deep.include({ 'emitted.traces': 3, 'delivered.traces': 3 });
        expect(counters['emitted.logs']).to.equal(counters['delivered.logs']);
        expect(sink.logs().filter(({ scope }) => scope === 'clock')).to.have.length(3);
        // Pauses that the jump had ended would be one attempt after the other: two signals, half a second and more.
        const refused = sink.requests.filter(({ accepted }) => !accepted).length;
        expect(refused).to.be.within(2, 20);
      });
    }
  }
});
