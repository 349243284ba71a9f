/** Exporters `otlp/stdout` and `otlp_file`: what an app has written is given to a receiver, line by line. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';

const root = join(import.meta.dirname, '../..');
const resources = { resourceSpans: 'traces', resourceMetrics: 'metrics', resourceLogs: 'logs' } as const;
type Key = keyof typeof resources;

describe('OTLP as JSON lines', () => {
  let sink: OtlpSink;
  let folder: string;

  beforeEach(async () => {
    sink = await startSink();
    folder = mkdtempSync(join(tmpdir(), 'sonde-lines-'));
  });
  afterEach(async () => {
    await sink.close();
    rmSync(folder, { recursive: true });
  });

  function run(exporter: string, env: Record<string, string> = {}, ...args: string[]): Promise<Ended> {
    return runNode(
      ['--require', 'sonde/register', join(root, 'test/fixtures/delivery/counted.mjs'), ...args],
      {
        cwd: root,
        env: {
          OTEL_TRACES_EXPORTER: exporter,
          OTEL_METRICS_EXPORTER: exporter,
          OTEL_LOGS_EXPORTER: exporter,
          OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'runtime',
          ...env,
        },
      },
    );
  }

  async function receive(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      const keys = Object.keys(JSON.parse(line));
      expect(keys, line).to.have.length(1);
      const response = await fetch(`${sink.httpUrl}/v1/${resources[keys[0] as Key]}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: line,
      });
      expect(response.status).to.equal(200);
      await response.arrayBuffer();
    }
  }

  function expectAll(): void {
    expect(sink.faults).to.deep.equal([]);
    expect(sink.spans()).to.have.length(150);
    expect(sink.logs().filter(({ body }) => body === 'order taken')).to.have.length(75);
    const points = sink.metrics().findLast(({ name }) => name === 'orders')?.points;
    expect(points?.reduce((sum, { value = 0 }) => sum + value, 0)).to.equal(300);
  }

  for (const end of ['natural', 'exit']) {
    it(`goes to standard output, all three signals and nothing else (end: ${end})`, async () => {
      const { stdout, stderr, code } = await run('otlp/stdout', {}, end);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.not.include('hunter2');
      await receive(stdout.trimEnd().split('\n'));
      expectAll();
    });

    it(`goes to a file for each signal, which rotates (end: ${end})`, async () => {
      const env = {
        SONDE_OTLP_FILE_DIR: folder,
        SONDE_OTLP_FILE_MAX_BYTES: '30000',
        SONDE_OTLP_FILE_BACKUPS: '50',
        SONDE_LOG_CONSOLE: 'off',
      };
      const { stdout, stderr, code } = await run('otlp_file', env, end);
      expect({ code, stdout, stderr }).to.deep.equal({ code: 0, stdout: '', stderr: '' });
      const names = readdirSync(folder).filter((name) => !name.endsWith('.lock'));
      expect(names).to.include.members(['traces.jsonl', 'traces.jsonl.1', 'metrics.jsonl', 'logs.jsonl']);
      // The oldest first.
      names.sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
      for (const name of names) {
        expect(statSync(join(folder, name)).size, name).to.be.at.most(30_000);
        const text = readFileSync(join(folder, name), 'utf8');
        expect(text.endsWith('\n'), name).to.equal(true);
        const lines = text.trimEnd().split('\n');
        const signals = lines.map((line) => resources[Object.keys(JSON.parse(line))[0] as Key]);
        expect([...new Set(signals)], name).to.deep.equal([name.split('.')[0]]);
        await receive(lines);
      }
      expectAll();
    });
  }

  it('goes to both, and to a receiver as well', async () => {
    const env = {
      SONDE_OTLP_FILE_DIR: folder,
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
    };
    const { stdout } = await run('otlp,otlp/stdout,otlp_file', env);
    expectAll();
    expect(stdout.match(/"resourceSpans"/g)).to.have.length(150);
    expect(readFileSync(join(folder, 'traces.jsonl'), 'utf8').match(/"resourceSpans"/g)).to.have.length(150);
  });
});
