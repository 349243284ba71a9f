/** With a spool nothing is lost: not to an outage, not to the end of the process, however it comes. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

/** Numbers its records and spans; says each number when it has been told. */
const numbered = `
const { getLogger, withSpan } = require('sonde');
const log = getLogger('numbered');
const [count, end, millis = '1'] = process.argv.slice(2);
let n = 0;
function one() {
  n++;
  withSpan('work', { n }, () => (n % 10 === 0 ? log.error('numbered', { n }) : log.info('numbered', { n })));
  require('node:fs').writeSync(1, n + ' ' + Date.now() + '\\n');
}
function step() {
  one();
  if (n < Number(count)) setTimeout(step, Number(millis));
  else if (end === 'exit') process.exit(5);
  else if (end === 'throw') throw new Error('the end');
  else if (end === 'abort') process.abort();
  else if (end === 'kill') process.kill(process.pid, 'SIGKILL');
  else if (end === 'heap') { const all = []; for (;;) all.push(new Array(1e5).fill(n)); }
}
step();
`;

const heir = `setTimeout(() => {}, 2500);`;

for (const node of nodeVersions()) {
  describe(`the spool in a real process (Node ${node.name})`, function () {
    this.timeout(60_000);
    let folder: string;
    let dir: string;
    let sink: OtlpSink;
    before(() => {
      folder = appFolder();
      fs.writeFileSync(join(folder, 'numbered.cjs'), numbered);
      fs.writeFileSync(join(folder, 'heir.cjs'), heir);
    });
    beforeEach(async () => {
      dir = fs.mkdtempSync(join(tmpdir(), 'sonde-spool-'));
      fs.chmodSync(dir, 0o777);
      sink = await startSink();
    });
    afterEach(async () => {
      await sink.close();
      fs.rmSync(dir, { recursive: true, force: true });
    });

    function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
      return runNode(['--require', 'sonde/register', ...args], {
        cwd: folder,
        node: node.path,
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
          OTEL_SERVICE_NAME: 'shop',
          OTEL_METRICS_EXPORTER: 'none',
          SONDE_LOG_CONSOLE: 'off',
          SONDE_SPOOL_DIR: dir,
          ...env,
        },
      });
    }

    const numbersOf = (items: readonly { attributes: Record<string, unknown> }[]) =>
      items.map(({ attributes }) => Number(attributes.n));
    const logs = () => numbersOf(sink.logs().filter(({ body }) => body === 'numbered'));
    const spans = () => numbersOf(sink.spans());
    const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
    const inOrder = (numbers: readonly number[]) => [...new Set(numbers)].sort((a, b) => a - b);

    /** What is missing was born within the last 500 ms and is no error; what came twice fits into one batch. */
    function expectLateOnly(stdout: string): void {
      const said = [...stdout.matchAll(/^(\d+) (\d+)$/gm)].map(
        ([, n, at]) => [Number(n), Number(at)] as const,
      );
      const last = said.at(-1)![1];
      for (const [n, at] of said) {
        const isLate = last - at <= 500;
        if (!isLate || n % 10 === 0) expect(logs(), `record ${n}`).to.include(n);
        if (!isLate) expect(spans(), `span ${n}`).to.include(n);
      }
      for (const numbers of [logs(), spans()]) {
        expect(numbers.length - new Set(numbers).size).to.be.at.most(512);
      }
    }

    // Deaths are the kernel's: one of them is enough on the other versions.
    const deaths = [['kill'], ['abort'], ['heap', '--max-old-space-size=48']] as const;
    for (const [end, flags] of node.name === '24' ? deaths : deaths.slice(0, 1)) {
      it(`loses no more than 500 ms, and no error, to ${end}; the next start brings the rest`, async () => {
        sink.failAlways({ status: 503 });
        const died = await run([...(flags ? [flags] : []), 'numbered.cjs', '300', end, '3']);
        expect(died.signal).to.equal(end === 'kill' ? 'SIGKILL' : 'SIGABRT');
        expect(spans()).to.deep.equal([]);
        sink.failAlways(undefined);
        const next = await run(['heir.cjs']);
        expect(next.stderr).to.equal('');
        expectLateOnly(died.stdout);
        expect(logs().filter((n) => n % 10 !== 0)).to.deep.equal(inOrder(logs()).filter((n) => n % 10 !== 0));
      });
    }

    for (const end of ['nature', 'exit', 'throw'] as const) {
      it(`loses nothing when the process ends by ${end} while the receiver is away`, async () => {
        sink.failAlways({ connection: 'reset' });
        const began = performance.now();
        const ended = await run(['numbered.cjs', '200', end, '1']);
        expect(performance.now() - began).to.be.below(10_000);
        expect(ended.code).to.equal({ nature: 0, exit: 5, throw: 1 }[end]);
        expect(ended.stderr).not.to.include('ost in all');
        sink.failAlways(undefined);
        await run(['heir.cjs']);
        expect(inOrder(logs())).to.deep.equal(upTo(200));
        expect(inOrder(spans())).to.deep.equal(upTo(200));
        const own = fs.readdirSync(join(dir, `sonde-${process.geteuid?.()}`));
        expect(own, 'nothing is left on disk').to.deep.equal([]);
      });
    }

    it('keeps to memory where there can be no folder, and says so in one line', async () => {
      const ended = await run(['numbered.cjs', '20', 'nature'], { SONDE_SPOOL_DIR: '/proc/nothing' });
      expect(ended.stderr).to.match(/The spool in \/proc\/nothing is out of use/);
      expect(ended.stderr.trim().split('\n')).to.have.length(1);
      expect(logs()).to.have.length(20);
    });

    it('holds nothing that redaction takes out, and nothing that others may read', async () => {
      sink.failAlways({ status: 503 });
      fs.writeFileSync(
        join(folder, 'secret.cjs'),
        `require('sonde').getLogger('x').error('with password=hunter2-hunter2', { token: 'hunter3-hunter3' });`,
      );
      await run(['secret.cjs']);
      const files = fs.readdirSync(dir, { recursive: true, withFileTypes: true });
      const segments = files
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name));
      expect(segments).to.have.length(1);
      expect(fs.statSync(segments[0]!).mode & 0o777).to.equal(0o600);
      const text = fs.readFileSync(segments[0]!, 'latin1');
      expect(text).to.include('with password=').and.not.include('hunter');
    });
  });
}
