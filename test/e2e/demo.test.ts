/** The first screen a newcomer sees. It runs like `npm run demo`, against the build in dist/. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';

const root = join(import.meta.dirname, '../..');

describe('npm run demo', function () {
  this.timeout(30_000);
  let ended: Ended;
  before(async () => {
    ended = await runNode(['examples/shop/demo.ts'], { cwd: root });
  });

  /** The lines below one heading. */
  function section(heading: string): string[] {
    const lines = ended.stdout.split('\n');
    const start = lines.findIndex((line) => line.startsWith(heading));
    const length = lines.slice(start + 2).indexOf('');
    return lines.slice(start, length < 0 ? undefined : start + 2 + length);
  }

  it('ends with code 0 and nothing on stderr', () => {
    expect(ended).to.include({ code: 0, signal: null, stderr: '' });
  });

  it('shows the log lines of both services under one correlation id and trace', () => {
    const lines = section('Log lines').filter((line) => line.includes('web-1003'));
    expect(lines.join('\n')).to.match(/shop\.orders .*order received/);
    expect(lines.join('\n')).to.match(/shop\.payments .*charge failed/);
    const traces = lines.map((line) => /web-1003\s+([0-9a-f]{8})/.exec(line)?.[1]);
    expect(new Set(traces).size).to.equal(1);
  });

  it('shows the failed request as a waterfall: both services, its SQL and its logs in order', () => {
    const [heading, ...rows] = section('Trace ');
    expect(heading).to.match(/^Trace [0-9a-f]{32} .*web-1003$/);
    const story = [
      /^orders +POST \/orders .* 502$/,
      /^orders +INSERT INTO orders \(item, cents, status\) VALUES \(\?, \?, \?\)/,
      /^orders +◆ order received/,
      /^orders +→ POST http:\/\/127\.0\.0\.1:\d+\/charges/,
      /^payments +POST \/charges .* 503$/,
      /^payments +◆ charge failed “card network unreachable”/,
      /^orders +UPDATE orders SET status = \?/,
      /^orders +◆ order failed “payment service answered 503”/,
    ];
    const text = rows.filter((row) => row !== '');
    expect(text).to.have.length(story.length);
    for (const [at, row] of text.entries()) expect(row).to.match(story[at]!);
  });

  it('keeps the api key of a URL and the literals of SQL to itself', () => {
    expect(ended.stdout).not.to.contain('sk_live');
    expect(ended.stdout).not.to.contain("'open'");
  });

  it('leads from the slowest request of the chart to its trace and its log lines (A57)', () => {
    const [, , first, ...lines] = section('Exemplar');
    expect(first).to.match(/^[\d.]+ ms was trace [0-9a-f]{32}: [1-9]\d* spans, [1-9]\d* log lines$/);
    expect(lines.filter((line) => line.startsWith('  ◆ shop.'))).to.have.length(
      Number(/(\d+) log lines/.exec(first!)?.[1]),
    );
  });

  it('shows request durations from the metric', () => {
    const rows = section('Request durations').join('\n');
    expect(rows).to.match(/orders +POST 201 +2 /);
    expect(rows).to.match(/orders +POST 502 +1 /);
    expect(rows).to.match(/payments +POST 503 +1 /);
  });

  it('counts what was received per signal', () => {
    const rows = section('Received').join('\n');
    expect(rows).to.match(/traces +\d+ spans in \d+ traces/);
    expect(rows).to.match(/logs +\d+ records/);
    expect(rows).to.match(/metrics +[1-9]\d* metrics from 2 services/);
  });

  it('sends to the endpoint that is named instead', async () => {
    const sink = await startSink();
    const elsewhere = await runNode(['examples/shop/demo.ts'], {
      cwd: root,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    });
    await sink.close();
    expect(elsewhere.code, elsewhere.stderr).to.equal(0);
    expect(elsewhere.stdout).to.contain(`to ${sink.httpUrl}`);
    expect(sink.spans().length).to.be.greaterThan(10);
  });
});
