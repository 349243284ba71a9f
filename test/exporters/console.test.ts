import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { imports, run } from '../logs/captured.ts';
import { eventually } from '../support/otlp-items.ts';

const started = "startSinks([consoleSink()], []); const log = getLogger('app');";

function shell(
  command: string,
  code: string,
): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } {
  return spawnSync('bash', ['-c', command], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, NODE: process.execPath, CODE: imports + code },
  }) as never;
}

describe('the console sink', () => {
  it('writes JSON lines to stdout when nobody looks, errors too (A42)', () => {
    const { lines, stderr } = run(`${started} log.info('a'); log.error('b', new Error('x'));`);
    expect(lines.map((line) => [line.level, line.message])).to.eql([
      ['INFO', 'a'],
      ['ERROR', 'b'],
    ]);
    expect(stderr).to.equal('');
  });

  it('writes to stderr, in a format of choice, when told', () => {
    const { stdout, stderr } = run(`
      startSinks([consoleSink({ stream: 'stderr', format: 'logfmt' }), consoleSink({ format: (r) => r.message })], []);
      getLogger('app').info('a');`);
    expect(stdout).to.equal('a\n');
    expect(stderr).to.match(/^timestamp=\S+ level=INFO logger=app message=a\n$/);
  });

  it('is pretty on a terminal', () => {
    const command = `script -qec '"$NODE" --input-type=module -e "$CODE"' /dev/null`;
    const { stdout } = shell(command, `${started} log.info('hello', { n: 1 });`);
    expect(stdout).to.contain('hello').and.contain('app').and.not.contain('{"timestamp"');
  });

  it('has written everything when the process dies in the next statement', () => {
    const { lines } = run(
      `${started} for (let i = 0; i < 2000; i++) log.info('m' + i); process.kill(process.pid, 'SIGKILL');`,
    );
    expect(lines).to.have.length(2000);
  });

  it('keeps the order with what the app writes itself', () => {
    const { stdout } =
      run(`startSinks([consoleSink({ format: (r) => r.message })], []); const log = getLogger('app');
      for (let i = 0; i < 100; i++) { console.log('c' + i); log.info('l' + i); }`);
    expect(stdout).to.equal(Array.from({ length: 100 }, (_, i) => `c${i}\nl${i}\n`).join(''));
  });

  it('survives a reader that leaves: node app | head -1 (A36)', () => {
    const code = `${started} for (let i = 0; i < 50_000; i++) log.info('m' + i, { pad: 'x'.repeat(100) });
      process.stderr.write('lived ' + (diagnostics.counters().get('logs.dropped.stdout_closed') > 0));`;
    const { stdout, stderr } = shell(
      '"$NODE" --input-type=module -e "$CODE" | head -1; echo "status $PIPESTATUS"',
      code,
    );
    expect(stdout).to.match(/^\{"timestamp".*"m0".*\}\nstatus 0\n$/);
    expect(stderr).to.match(/lived true$/);
  });

  it('survives streams that are closed from the start (A36)', () => {
    const code = `${started} for (let i = 0; i < 10; i++) log.info('x'); process.exitCode = 7;`;
    expect(shell('"$NODE" --input-type=module -e "$CODE" >&- 2>&-', code).status).to.equal(7);
  });

  it('survives a full disk and says so once (A36)', () => {
    const code = `${started} for (let i = 0; i < 10; i++) log.info('x'); process.exitCode = 7;`;
    const { status, stderr } = shell('"$NODE" --input-type=module -e "$CODE" >/dev/full', code);
    expect(status).to.equal(7);
    expect(stderr.match(/ENOSPC/g)).to.have.length(1);
  });

  it('tears and loses no line when a non-blocking pipe is slow', () => {
    const reader = `
      const fs = require('node:fs');
      setTimeout(() => { process.stdin.setEncoding('utf8'); let t = ''; process.stdin.on('data', (d) => (t += d));
        process.stdin.on('end', () => {
          const lines = t.trim().split('\\n');
          process.stdout.write(lines.length + ' ' + lines.every((line, i) => JSON.parse(line).message === 'm' + i && !line.includes('\ufffd')));
        }); }, 50);`;
    const code = `
      import { Socket } from 'node:net';
      new Socket({ fd: 1, readable: false })._handle.setBlocking?.(false);
      ${started} for (let i = 0; i < 3000; i++) log.info('m' + i, { pad: 'é€'.repeat(50) });`;
    const { stdout } = shell(
      `"$NODE" --input-type=module -e "$CODE" | "$NODE" -e '${reader.replaceAll("'", '"')}'`,
      code,
    );
    expect(stdout).to.equal('3000 true');
  });
});

describe('the console sink with a reader that is stopped', function () {
  this.timeout(30_000);
  /** More than the pipe and the sink keep together; says so on stderr while nobody reads, and then waits for stdin. */
  const code = `${imports}${started}
    let n = 0;
    const pad = 'x'.repeat(1000);
    const timer = setInterval(() => {
      for (let i = 0; i < 200; i++) log.info('m' + n++, { pad });
      if (n < 3000) return;
      clearInterval(timer);
      const dropped = diagnostics.counters().get('logs.dropped.stdout_blocked') ?? 0;
      process.stderr.write('{"done":' + JSON.stringify({ n, dropped }) + '}\\n');
      process.stdin.once('data', () => setTimeout(() => { log.info('again'); process.exit(7); }, 500));
    }, 1);`;

  interface Seen {
    readonly n: number;
    readonly dropped: number;
    readonly stderr: () => string;
  }

  async function whileStopped(app: ChildProcess): Promise<Seen> {
    let stderr = '';
    const { promise, resolve } = Promise.withResolvers<Seen>();
    app.stderr!.setEncoding('utf8').on('data', (text) => {
      stderr += text;
      const found = /\{"done":(\{.*?\})\}/.exec(stderr);
      if (found) resolve({ ...JSON.parse(found[1]!), stderr: () => stderr });
    });
    return promise;
  }

  function expectLines(text: string, { n, dropped, stderr }: Seen): void {
    expect(text.endsWith('\n')).to.equal(true);
    const messages = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).message);
    expect(dropped).to.be.above(0);
    expect(messages).to.have.length(n - dropped + 1);
    expect(messages.slice(0, 500)).to.eql(Array.from({ length: 500 }, (_, i) => `m${i}`));
    expect(messages.at(-1)).to.equal('again');
    expect(stderr().match(/its reader stands still/g)).to.have.length(1);
  }

  it('goes on when the reader of a pipe is stopped, keeps 1 MB, counts the rest, and says so once (R10)', async () => {
    const dir = fs.mkdtempSync(join(tmpdir(), 'sonde-stopped-'));
    const [pipe, out] = [join(dir, 'pipe'), join(dir, 'out')];
    spawnSync('bash', ['-c', `mkfifo "${pipe}"`]);
    const both = fs.openSync(pipe, 'r+');
    const reader = spawn('cat', [], { stdio: [fs.openSync(pipe, 'r'), fs.openSync(out, 'w'), 'inherit'] });
    reader.kill('SIGSTOP');
    const app = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['pipe', fs.openSync(pipe, 'w'), 'pipe'],
    });
    const seen = await whileStopped(app);
    reader.kill('SIGCONT');
    app.stdin!.write('go on');
    expect(await once(app, 'exit')).to.eql([7, null]);
    await eventually(() => fs.readFileSync(out, 'utf8').endsWith('"again"}\n'));
    reader.kill();
    fs.closeSync(both);
    expectLines(fs.readFileSync(out, 'utf8'), seen);
    fs.rmSync(dir, { recursive: true });
  });

  it('goes on when the reader of a socket does not read', async () => {
    const app = spawn(process.execPath, ['--input-type=module', '-e', code]);
    const seen = await whileStopped(app);
    let text = '';
    app.stdout.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
    app.stdin.write('go on');
    expect(await once(app, 'close')).to.eql([7, null]);
    expectLines(text, seen);
  });
});
