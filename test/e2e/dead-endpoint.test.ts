/** A logging call waits for nobody: where nobody takes what is sent, the queue is bounded and each drop is counted (A41). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

/** Ten times as many as the queue holds in one turn; then 10,000 a second for half a second. */
const script = `
const sonde = require('sonde').init();
const log = require('sonde').getLogger('shop');
const books = () => {
  const { counters } = sonde.status();
  const sum = (lead) => Object.entries(counters).reduce((all, [name, by]) => all + (name.startsWith(lead) ? by : 0), 0);
  return { emitted: sum('emitted.logs'), dropped: sum('dropped.logs'), delivered: sum('delivered.logs') };
};
for (let n = 0; n < 10_000; n++) log.info('line', { n });
const inOneTurn = books();
let ticks = 0;
const timer = setInterval(() => {
  for (let n = 0; n < 100; n++) log.info('line', { n });
  if (++ticks === 50) {
    clearInterval(timer);
    sonde.shutdown({ timeoutMillis: 1000 }).then(() => {
      process.stdout.write(JSON.stringify({ inOneTurn, atTheEnd: books(), ticks }) + '\\n');
      process.exit();
    });
  }
}, 10);
`;

describe('10,000 records a second to an endpoint that is dead', function () {
  this.timeout(60_000);

  async function run(endpoint: string): Promise<Ended> {
    const folder = appFolder();
    writeFileSync(join(folder, 'app.cjs'), script);
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_EXPORTER: 'none',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_BLRP_MAX_QUEUE_SIZE: '1000',
      OTEL_LOG_LEVEL: 'warn',
      SONDE_LOG_CONSOLE: 'off',
    };
    const ended = await runNode(['app.cjs'], { cwd: folder, env, timeoutMillis: 50_000 });
    expect(ended.code, ended.stderr).to.equal(0);
    return ended;
  }

  function expectBalance(ended: Ended): void {
    const { inOneTurn, atTheEnd, ticks } = ended.lines.find((line) => line.ticks !== undefined)!;
    // What the queue does not hold is dropped in the call itself: nothing was waited for.
    expect(inOneTurn).to.deep.include({ emitted: 10_000, delivered: 0 });
    expect(inOneTurn.dropped).to.be.at.least(8_000);
    expect(ticks).to.equal(50);
    expect(atTheEnd.emitted).to.be.at.least(15_000);
    expect(atTheEnd.delivered + atTheEnd.dropped).to.equal(atTheEnd.emitted);
  }

  it('costs counted drops and no waiting where nobody listens (A41)', async () => {
    const gone = await startSink();
    const { httpUrl } = gone;
    await gone.close();
    const ended = await run(httpUrl);
    expectBalance(ended);
    expect(ended.stderr).to.match(/logs/);
  });

  it('costs counted drops and no waiting where nobody answers (A41)', async () => {
    const sink = await startSink();
    sink.failAlways({ connection: 'hang' });
    const ended = await run(sink.httpUrl);
    await sink.close();
    expectBalance(ended);
    expect(ended.stderr).to.match(/logs/);
  });
});
