import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createLosses } from '../../src/delivery/losses.ts';
import { createVerdict, type Destination } from '../../src/delivery/verdict.ts';
import { type Ended, runNode } from '../support/child.ts';
import { type Ear, ear, eventually } from '../support/otlp-items.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const origin = 'http://collector:4318';
const to = (signal: Destination['signal'], given: Partial<Destination> = {}): Destination => ({
  signal,
  protocol: 'http/protobuf',
  origin,
  named: true,
  ...given,
});
const ok = { outcome: 'ok' } as const;
const refused = { outcome: 'rejected', code: 401, reason: 'because' } as const;
const down = { outcome: 'failed', code: 503, reason: 'busy' } as const;

describe('the verdict', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  it('is one line when every signal that had something is accepted', () => {
    const verdict = createVerdict({ logsTwice: false });
    for (const signal of ['logs', 'traces', 'metrics'] as const) verdict.begun(to(signal));
    verdict.heard(to('logs'), ok);
    verdict.heard(to('metrics'), ok);
    expect(heard.said).to.deep.equal([]);
    verdict.heard(to('traces'), ok);
    verdict.heard(to('traces'), ok);
    verdict.close();
    expect(heard.said).to.deep.equal([
      'info OTLP: traces, metrics, logs accepted by http://collector:4318 (http/protobuf).',
    ]);
  });

  it('waits no longer than its time for a signal without an answer', async () => {
    const verdict = createVerdict({ logsTwice: false, waitMillis: 5 });
    verdict.begun(to('logs'));
    verdict.begun(to('traces'));
    verdict.heard(to('traces'), ok);
    await eventually(() => heard.said.length === 1);
    expect(heard.said[0]).to.match(/^info OTLP: traces accepted by /);
  });

  it('names every place and protocol', () => {
    const verdict = createVerdict({ logsTwice: false });
    const grpc = to('logs', { protocol: 'grpc', origin: 'http://logs:4317' });
    verdict.begun(to('traces'));
    verdict.begun(grpc);
    verdict.heard(to('traces'), ok);
    verdict.heard(grpc, ok);
    expect(heard.said[0]).to.include(
      'traces accepted by http://collector:4318 (http/protobuf); logs accepted by http://logs:4317 (grpc).',
    );
  });

  it('says that logs leave twice, where an endpoint is named', () => {
    for (const named of [true, false]) {
      const verdict = createVerdict({ logsTwice: true });
      verdict.begun(to('logs', { named }));
      verdict.heard(to('logs', { named }), ok);
    }
    expect(heard.said[0]).to.include('OTEL_LOGS_EXPORTER=none or SONDE_LOG_CONSOLE=off keeps one.');
    expect(heard.said[1]).not.to.include('SONDE_LOG_CONSOLE');
  });

  it('tells a cause once for all signals, and answers that it was told', () => {
    const verdict = createVerdict({ logsTwice: false });
    expect(verdict.heard(to('traces'), refused)).to.equal(true);
    expect(verdict.heard(to('logs'), refused)).to.equal(true);
    expect(verdict.heard(to('logs'), refused)).to.equal(true);
    expect(heard.said).to.have.length(1);
    expect(heard.said[0]).to.match(/^warn OTLP: traces are refused: because\./);
  });

  it('says that things work after all', () => {
    const verdict = createVerdict({ logsTwice: false });
    verdict.begun(to('traces'));
    verdict.heard(to('traces'), down);
    verdict.heard(to('traces'), down);
    verdict.heard(to('traces'), ok);
    expect(heard.said).to.have.length(2);
    expect(heard.said[0]).to.match(/^warn OTLP: traces do not arrive yet: busy\./);
    expect(heard.said[1]).to.match(/^info OTLP: traces accepted/);
  });

  it('is silent about troubles once it is given, and while standing by', () => {
    const verdict = createVerdict({ logsTwice: false });
    verdict.begun(to('traces'));
    const unmanned = { outcome: 'failed', code: 'ECONNREFUSED', unnamed: true } as const;
    expect(verdict.heard(to('traces'), unmanned)).to.equal(false);
    verdict.heard(to('traces'), ok);
    expect(verdict.heard(to('traces'), down)).to.equal(false);
    expect(verdict.heard(to('traces'), refused)).to.equal(false);
    expect(heard.said).to.have.length(1);
  });
});

describe('losses', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  it('are told soon, together, and then only after a pause', async () => {
    const losses = createLosses({ firstMillis: 5, quietMillis: 60 });
    losses.add('traces', 3, 'queue full');
    losses.add('traces', 2, 'queue full');
    losses.add('logs', 1, 'no');
    await eventually(() => heard.said.length === 1);
    const told = performance.now();
    expect(heard.said[0]).to.include('Telemetry was lost: 5 spans (queue full), 1 log records (no).');
    losses.add('logs', 4, 'no');
    await eventually(() => heard.said.length === 2);
    expect(performance.now() - told).to.be.above(50);
    expect(heard.said[1]).to.include('lost: 4 log records (no).');
  });

  it('are told within 5 s of the first one, as nobody has said otherwise (R8)', async () => {
    const losses = createLosses();
    const began = performance.now();
    losses.add('logs', 1, 'no');
    await eventually(() => heard.said.length === 1);
    expect(performance.now() - began).to.be.below(5_000);
    for (let i = 0; i < 100; i++) losses.add('logs', 1, 'no');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(heard.said, 'the next line is due in a minute').to.have.length(1);
    losses.summary();
    expect(heard.said.at(-1)).to.include('Lost in all: 101 log records.');
  });

  it('are summed up at the end, if there are any', () => {
    const losses = createLosses();
    losses.summary();
    expect(heard.said).to.deep.equal([]);
    losses.add('traces', 3, 'queue full');
    losses.add('traces', 2, 'refused', true);
    losses.summary();
    expect(heard.said).to.have.length(1);
    expect(heard.said[0]).to.match(/^warn Lost in all: 5 spans\./);
  });

  it('whose cause was just told make no line of their own', async () => {
    const losses = createLosses({ firstMillis: 1, quietMillis: 60_000 });
    losses.add('traces', 2, 'refused', true);
    losses.add('traces', 2, 'queue full');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(heard.said).to.deep.equal([]);
  });
});

describe("Sonde's own voice in a real process", function () {
  this.timeout(30_000);
  const program = `
    const { counter, getLogger, init, withSpan } = require('sonde');
    const log = getLogger('app');
    for (let i = 0; i < 200; i++) withSpan('work', () => log.info('working', { i }));
    counter('work').add(200);
    const server = require('node:http').createServer((_, response) => response.end()).listen(0, '127.0.0.1', async () => {
      for (let i = 0; i < 5; i++) await (await fetch('http://127.0.0.1:' + server.address().port)).text();
      await init().forceFlush();
      server.close();
      server.closeAllConnections();
    });`;
  const run = (env: Record<string, string>) =>
    runNode(['--require', 'sonde/register', '-e', program], { cwd: appFolder(), env });
  const own = (ended: Ended) => ended.lines.filter(({ logger }) => logger === 'sonde.diagnostics');

  it('is one line when all is well, and nothing on stderr (R8)', async () => {
    const sink = await startSink();
    const dir = mkdtempSync(join(tmpdir(), 'sonde-quiet-'));
    const ended = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, SONDE_SPOOL_DIR: dir });
    await sink.close();
    rmSync(dir, { recursive: true, force: true });
    expect(ended).to.include({ code: 0, stderr: '' });
    expect(own(ended).map(({ level, message }) => `${level} ${message}`)).to.have.length(1);
    expect(own(ended)[0]!.message).to.match(/^OTLP: traces, metrics, logs accepted by /);
    expect(ended.lines.filter(({ logger }) => logger === 'app')).to.have.length(200);
  });

  it('is silent where nothing is to be sent', async () => {
    const ended = await run({ SONDE_OTLP: 'off' });
    expect(ended).to.include({ code: 0, stderr: '' });
    expect(own(ended)).to.deep.equal([]);
  });
});
