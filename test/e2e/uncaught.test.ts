/** What nobody caught leaves its record, and the process ends, and says, what it would have without Sonde (A34). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const stay = `setTimeout(() => {}, 30);`;

/** A program, and the level, message and `error.message` of the one record that it leaves. */
const programs: Record<string, [text: string, record: readonly string[] | undefined]> = {
  sync: [`throw new TypeError('order 1042 is missing');`, ['Uncaught exception', 'order 1042 is missing']],
  timer: [`setTimeout(() => { throw new Error('late'); }, 1);`, ['Uncaught exception', 'late']],
  callback: [
    `require('fs').stat('/', () => { throw new Error('in stat'); });`,
    ['Uncaught exception', 'in stat'],
  ],
  rejected: [`Promise.reject(new Error('refused'));`, ['Unhandled rejection', 'refused']],
  awaited: [`(async () => { await 1; throw new Error('refused'); })();`, ['Unhandled rejection', 'refused']],
  null: [`throw null;`, ['Uncaught exception', 'null']],
  undefined: [`setTimeout(() => { throw undefined; });`, ['Uncaught exception', 'undefined']],
  text: [`setTimeout(() => { throw 'just text'; });`, ['Uncaught exception', 'just text']],
  object: [`throw { message: 'like one' };`, ['Uncaught exception', 'like one']],
  'rejected with undefined': [
    `Promise.reject();`,
    ['Unhandled rejection', 'The promise rejected with the reason "undefined"'],
  ],
  'getters that throw': [
    `const error = new Error('sly');
     for (const name of ['name', 'message', 'stack', 'cause', 'code'])
       Object.defineProperty(error, name, { get() { throw new Error('no'); } });
     setTimeout(() => { throw error; });`,
    ['Uncaught exception', ''],
  ],
  'a frozen error': [`throw Object.freeze(new Error('cold'));`, ['Uncaught exception', 'cold']],
  'an exit code that was set': [`process.exitCode = 3; throw new Error('x');`, ['Uncaught exception', 'x']],
  'a handler that exits': [
    `process.on('uncaughtException', (error) => { console.error('mine', error.message); process.exit(9); });
     setTimeout(() => { throw new Error('x'); });`,
    ['Uncaught exception', 'x'],
  ],
  'a handler that goes on': [
    `process.on('uncaughtException', (error, origin) => console.error('mine', error.message, origin)); ${stay}
     process.nextTick(() => { throw new Error('x'); });`,
    ['Uncaught exception', 'x'],
  ],
  'a handler that throws': [
    `process.on('uncaughtException', () => { throw new Error('y'); }); throw new Error('x');`,
    ['Uncaught exception', 'x'],
  ],
  'a capture callback': [
    `process.setUncaughtExceptionCaptureCallback((error) => console.error('mine', error.message));
     setTimeout(() => { throw new Error('x'); });`,
    ['Uncaught exception', 'x'],
  ],
  'a handler of rejections': [
    `process.on('unhandledRejection', (reason) => console.error('mine', reason.message)); ${stay}
     Promise.reject(new Error('x'));`,
    ['Unhandled rejection', 'x'],
  ],
  'a handler of rejections that was taken off': [
    `const mine = () => {}; process.on('unhandledRejection', mine); process.off('unhandledRejection', mine);
     Promise.reject(new Error('x'));`,
    ['Unhandled rejection', 'x'],
  ],
  'a handler of one rejection': [
    `process.once('unhandledRejection', () => console.error('mine')); ${stay}
     Promise.reject(new Error('x')); `,
    ['Unhandled rejection', 'x'],
  ],
  'a rejection that is handled late': [
    `const refused = Promise.reject(new Error('x')); process.nextTick(() => refused.catch(() => {}));`,
    undefined,
  ],
  'an error that was caught': [`try { throw new Error('x'); } catch {}`, undefined],
};

/** The process lives on. */
const survivors = /rejections$|of one rejection$/;

/**
 * What Node says. Whether anybody listens to its module loader shows in the loader's own frames, and where a module
 * throws while it is being loaded, in the line of source above the error.
 */
function told(stderr: string, text = ''): string {
  const same = stderr.replace(/^ +at .*\bnode:.*\n/gm, '').replace(/^\(node:\d+\)/gm, '');
  return /^(?:throw|process.exitCode)/.test(text) ? same.replace(/^\n?.*:\d+\n.*\n *\^\n/, '') : same;
}

const quiet = { OTEL_SDK_DISABLED: 'false', SONDE_OTLP: 'off' };

for (const node of nodeVersions()) {
  describe(`what nobody caught (Node ${node.name})`, function () {
    this.timeout(30_000);
    let folder: string;
    before(() => {
      folder = appFolder();
    });

    async function run(
      text: string,
      flags: readonly string[] = [],
      env: Record<string, string> = quiet,
    ): Promise<Ended> {
      writeFileSync(join(folder, 'uncaught.cjs'), text);
      return runNode([...flags, 'uncaught.cjs'], { cwd: folder, node: node.path, env });
    }

    for (const [name, [text, record]] of Object.entries(programs)) {
      it(`${name}: the same end as without Sonde, and ${record === undefined ? 'no' : 'one'} record (A34)`, async () => {
        const plain = await run(text);
        const sonde = await run(text, ['--require', 'sonde/register']);
        expect(told(sonde.stderr, text)).to.equal(told(plain.stderr, text));
        expect([sonde.code, sonde.signal]).to.eql([plain.code, plain.signal]);
        if (record === undefined) expect(sonde.lines).to.eql([]);
        else expectRecord(sonde, survivors.test(name) ? 'ERROR' : 'FATAL', record);
      });
    }

    function expectRecord({ lines }: Ended, level: string, [message, said]: readonly string[]): void {
      expect(lines).to.have.length(1);
      expect(lines[0]).to.include({ level, message, logger: 'sonde.process' });
      expect(lines[0]!['error.message']).to.contain(said);
      expect(lines[0]!['error.fingerprint']).to.match(/^[0-9a-f]{16}$/);
    }

    const levels: Record<string, string> = {
      throw: 'FATAL',
      strict: 'FATAL',
      warn: 'ERROR',
      none: 'ERROR',
    };
    for (const [mode, level] of Object.entries(levels)) {
      for (const handler of [
        '',
        `process.on('unhandledRejection', (reason) => console.error('mine', reason));`,
      ]) {
        const title = `--unhandled-rejections=${mode}${handler && ' with a handler'}`;
        it(`${title}: as without Sonde, and one record (A34)`, async () => {
          const text = `${handler} ${stay} Promise.reject(new Error('refused'));`;
          const flag = `--unhandled-rejections=${mode}`;
          const plain = await run(text, [flag]);
          const options = { ...quiet, NODE_OPTIONS: flag };
          const ends = [
            await run(text, [flag, '--require', 'sonde/register']),
            await run(text, ['--require', 'sonde/register'], options),
          ];
          for (const sonde of ends) {
            expect(told(sonde.stderr)).to.equal(told(plain.stderr));
            expect(sonde.code).to.equal(plain.code);
            const isLeftToApp = mode === 'throw' && handler !== '';
            expectRecord(sonde, isLeftToApp ? 'ERROR' : level, ['Unhandled rejection', 'refused']);
          }
        });
      }
    }

    it('has the ids of the work in which it was thrown, however it left it', async () => {
      const ways: Record<string, string> = {
        'a callback': `withSpan('work', (span) => { tell(span); setTimeout(() => { throw new Error('x'); }); });`,
        'a function run in a context': `setTimeout(() => withSpan('work', (span) => { tell(span);
          require('sonde').withContext({ a: 1 }, () => { throw new Error('x'); }); }));`,
        'a bound callback': `const bound = withSpan('work', (span) => { tell(span);
          return require('sonde').keepContext(() => { throw new Error('x'); }); }); setTimeout(bound);`,
        'a promise': `withSpan('work', async (span) => { tell(span); await null; throw new Error('x'); });`,
        'a request': `const server = require('http').createServer(() => {
            tell(require('sonde').currentSpan()); throw new Error('x');
          }).listen(0, '127.0.0.1', () => require('http').get(server.address()));`,
      };
      for (const [way, text] of Object.entries(ways)) {
        const head = `const { withSpan } = require('sonde');
          const tell = (span) => console.log('trace ' + span.spanContext().traceId);`;
        const { stdout, lines } = await run(head + text, ['--require', 'sonde/register']);
        const line = lines.find(({ level }) => level === 'FATAL');
        expect(line?.trace_id, way).to.equal(/trace (\w+)/.exec(stdout)?.[1]);
      }
    });

    it('tells an error once: one that the app has logged is marked as seen in its FATAL record (A70)', async () => {
      const text = `const { getLogger } = require('sonde');
        try { JSON.parse('{'); } catch (error) { getLogger('shop').error('bad order', error); throw error; }`;
      const { lines } = await run(text, ['--require', 'sonde/register']);
      expect(lines.map((line) => [line.level, line['error.seen']])).to.eql([
        ['ERROR', undefined],
        ['FATAL', true],
      ]);
    });

    it('goes to the file, too, before the process is gone', async () => {
      const text = `process.on('exit', () => console.log(require('fs').readFileSync('crash.log', 'utf8')));
        setTimeout(() => { throw new Error('x'); });`;
      const file = { ...quiet, SONDE_LOG_FILE: join(folder, 'crash.log'), SONDE_LOG_CONSOLE: 'off' };
      writeFileSync(join(folder, 'crash.log'), '');
      const { lines } = await run(text, ['--require', 'sonde/register'], file);
      expect(lines).to.have.length(1);
      expect(lines[0]).to.include({ level: 'FATAL', 'error.message': 'x' });
    });

    it('is the exception of the span around it, sent where the app lives on', async () => {
      const sink = await startSink();
      const text = `process.on('uncaughtException', () => {});
        const { withSpan } = require('sonde');
        withSpan('work', (span) => new Promise((done) => {
          setTimeout(done, 20);
          setTimeout(() => { throw new Error('x'); });
        }));`;
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl };
      await run(text, ['--require', 'sonde/register'], env);
      await sink.close();
      const [span] = sink.spans();
      const [log] = sink.logs().filter(({ severityText }) => severityText === 'FATAL');
      expect(span?.events.map(({ name }) => name)).to.eql(['exception']);
      expect(log).to.include({ traceId: span?.traceId, scope: 'sonde.process' });
      expect(log?.attributes).to.include({ 'exception.type': 'Error', 'exception.message': 'x' });
    });
  });
}
