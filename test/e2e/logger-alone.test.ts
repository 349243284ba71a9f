/** A logger without `init`: it prints, in time, in order, and once (A13); a closed pipe hurts nobody (A36). */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment, type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const print = (value: string) => `console.log(JSON.stringify(${value}));`;
const busy = (millis: number) => `for (const end = Date.now() + ${millis}; Date.now() < end; );`;
const two = "log.info('first', { at: 1 }); log.warn('second', { at: 2 });";

/** Bodies of scripts; each is run as CommonJS and as an ES module. */
const bodies: Record<string, string> = {
  alone: `${two} ${busy(40)} ${print('{ mainEnded: Date.now() }')}
    setImmediate(() => ${print('{ immediate: true }').replace(';', '')});`,
  exit: `${two} process.exit(3);`,
  'exit-code': `${two} process.exitCode = 4;`,
  'in-exit': "process.on('exit', () => log.info('in exit'));",
  throws: `${two} throw new Error('boom');`,
  rejects: `${two} Promise.reject(new Error('boom'));`,
  'throws-later': `setTimeout(() => { ${two} throw new Error('boom'); }, 5);`,
  'exits-in-handler': `process.on('uncaughtException', () => process.exit(7)); ${two} throw new Error('boom');`,
  levels: "log.debug('quiet'); log.info('loud'); getLogger('alone.part').debug('part');",
  many: 'for (let at = 1; at <= 1500; at++) log.info("line", { at });',
  'init-same-tick': `${two} init(); log.error('third', { at: 3 });`,
  'init-later': `${two} setTimeout(() => { init(); log.error('third', { at: 3 }); }, 20);`,
  'init-much-later': `${two} setTimeout(() => log.info('third', { at: 3 }), 5);
    setTimeout(() => { init(); log.error('fourth', { at: 4 }); }, 30);`,
  resources: `${two} setTimeout(() => {}, 5); ${print('{ resources: process.getActiveResourcesInfo() }')}`,
  long: 'for (let at = 1; at <= 20000; at++) log.info("line", { at });',
};

const kinds: Record<string, string> = {
  cjs: "const { getLogger, init } = require('sonde');",
  mjs: "import { getLogger, init } from 'sonde';",
};

const own = (ended: Ended) => ended.lines.filter((line) => String(line.logger).startsWith('alone'));
const words = (ended: Ended) => own(ended).map((line) => line.message);
/** The standard streams, and what the loader of modules is still busy with. */
const ofNode = /^(?:Pipe|TTY|FS|Close)/i;
const nothingUnusual = { signal: null, stderr: '' };

for (const node of nodeVersions()) {
  describe(`a logger alone (Node ${node.name})`, function () {
    this.timeout(60_000);
    let folder: string;

    before(() => {
      folder = appFolder();
      for (const [name, body] of Object.entries(bodies)) {
        for (const [kind, imports] of Object.entries(kinds)) {
          writeFileSync(
            join(folder, `${name}.${kind}`),
            `${imports}\nconst log = getLogger('alone');\n${body}\n`,
          );
        }
      }
    });

    const run = (script: string, env: Record<string, string> = {}) =>
      runNode([script], { cwd: folder, node: node.path, env });

    async function runWithSink(script: string): Promise<{ ended: Ended; sink: OtlpSink }> {
      const sink = await startSink();
      const ended = await run(script, { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl });
      await sink.close();
      return { ended, sink };
    }

    for (const kind of Object.keys(kinds)) {
      it(`prints JSON lines once main has run, in order, with their own time (A13, A22; ${kind})`, async () => {
        const ended = await run(`alone.${kind}`);
        expect(ended).to.include({ code: 0, ...nothingUnusual });
        expect(ended.lines.map((line) => line.message ?? Object.keys(line)[0])).to.deep.equal([
          'mainEnded',
          'first',
          'second',
          'immediate',
        ]);
        const [{ mainEnded } = {}, first, second] = ended.lines;
        expect(first).to.include({ level: 'INFO', logger: 'alone', at: 1 });
        expect(second).to.include({ level: 'WARN', logger: 'alone', at: 2 });
        expect(Date.parse(first!.timestamp)).to.be.at.most(Date.parse(second!.timestamp));
        expect(Date.parse(second!.timestamp)).to.be.at.most(mainEnded - 35);
      });

      for (const [script, code] of [
        ['exit', 3],
        ['exit-code', 4],
      ] as const) {
        it(`prints what waits at the end and keeps exit code ${code} (A13; ${script}.${kind})`, async () => {
          const ended = await run(`${script}.${kind}`);
          expect(ended).to.include({ code, ...nothingUnusual });
          expect(words(ended)).to.deep.equal(['first', 'second']);
        });
      }

      it(`prints what is said while the process exits (A13; ${kind})`, async () => {
        const ended = await run(`in-exit.${kind}`);
        expect(ended).to.include({ code: 0, ...nothingUnusual });
        expect(words(ended)).to.deep.equal(['in exit']);
      });

      for (const script of ['throws', 'rejects', 'throws-later']) {
        it(`prints what waits on an uncaught exception, which stays Node's own (A13; ${script}.${kind})`, async () => {
          const ended = await run(`${script}.${kind}`);
          expect(ended).to.include({ code: 1, signal: null });
          expect(ended.stderr).to.contain('Error: boom').and.not.contain('node_modules/sonde');
          expect(words(ended)).to.deep.equal(['first', 'second']);
        });
      }

      it(`leaves an exception to the app's own handler (A13; ${kind})`, async () => {
        const ended = await run(`exits-in-handler.${kind}`);
        expect(ended).to.include({ code: 7, ...nothingUnusual });
        expect(words(ended)).to.deep.equal(['first', 'second']);
      });

      it(`prints by the level of the environment (A14; ${kind})`, async () => {
        expect(words(await run(`levels.${kind}`))).to.deep.equal(['loud']);
        expect(words(await run(`levels.${kind}`, { LOG_LEVEL: 'debug' }))).to.deep.equal([
          'quiet',
          'loud',
          'part',
        ]);
        const tree = { SONDE_LOG_LEVEL: 'info,alone.part=debug', LOG_LEVEL: 'trace' };
        expect(words(await run(`levels.${kind}`, tree))).to.deep.equal(['loud', 'part']);
        expect(words(await run(`levels.${kind}`, { SONDE_LOG_LEVEL: 'error' }))).to.deep.equal([]);
      });

      it(`loses none when more lines come than may wait (A13; ${kind})`, async () => {
        const ended = await run(`many.${kind}`);
        expect(ended).to.include({ code: 0, ...nothingUnusual });
        expect(own(ended).map((line) => line.at)).to.deep.equal(
          Array.from({ length: 1500 }, (_, at) => at + 1),
        );
      });

      for (const [script, count] of [
        ['init-same-tick', 3],
        ['init-later', 3],
        ['init-much-later', 4],
      ] as const) {
        it(`sends by a later init what was said before, and prints none twice (A13; ${script}.${kind})`, async () => {
          const { ended, sink } = await runWithSink(`${script}.${kind}`);
          const numbers = Array.from({ length: count }, (_, at) => at + 1);
          expect(ended).to.include({ code: 0, ...nothingUnusual });
          expect(own(ended).map((line) => line.at)).to.deep.equal(numbers);
          // Errors are sent before the rest.
          const sent = sink
            .logs()
            .filter((log) => log.scope === 'alone')
            .sort((one, other) => Number(one.attributes.at) - Number(other.attributes.at));
          expect(sent.map((log) => log.attributes.at)).to.deep.equal(numbers);
          expect(sent.map((log) => Number(log.time / 1_000_000n))).to.deep.equal(
            own(ended).map((line) => Date.parse(line.timestamp)),
          );
        });
      }

      it(`holds the process by nothing (A13; ${kind})`, async () => {
        const ended = await run(`resources.${kind}`);
        const { resources } = ended.lines.find((line) => line.resources)!;
        expect(resources.filter((name: string) => !ofNode.test(name))).to.deep.equal(['Timeout']);
        expect(words(ended)).to.deep.equal(['first', 'second']);
      });
    }

    for (const env of [
      { NODE_ENV: 'test' },
      { VITEST: 'true' },
      { JEST_WORKER_ID: '1' },
      { NODE_TEST_CONTEXT: 'child-v8' },
    ] as Record<string, string>[]) {
      const [name] = Object.keys(env);
      it(`prints nothing under a test runner (${name}) unless SONDE_LOG_LEVEL is set (A13)`, async () => {
        for (const script of ['alone.cjs', 'exit.mjs', 'throws.cjs']) {
          expect(words(await run(script, env)), script).to.deep.equal([]);
          const told = await run(script, { ...env, SONDE_LOG_LEVEL: 'info' });
          expect(words(told), script).to.deep.equal(['first', 'second']);
        }
        expect((await run('exit.cjs', env)).code).to.equal(3);
        expect((await run('throws.mjs', env)).code).to.equal(1);
      });
    }

    for (const [way, args] of [
      ['alone', ''],
      ['under the preload', '--require sonde/register'],
    ]) {
      it(`survives a reader that leaves: node app | head -1, ${way} (A36)`, async () => {
        // The first number is the exit code of node itself.
        const command = `"${node.path}" ${args} long.cjs | head -1; echo "\${PIPESTATUS[0]}"`;
        const { stdout, stderr } = await promisify(execFile)('bash', ['-c', command], {
          cwd: folder,
          env: cleanEnvironment({ SONDE_OTLP: 'off' }),
        });
        const [line, code] = stdout.trim().split('\n');
        expect(JSON.parse(line!)).to.include({ message: 'line', at: 1 });
        expect(code).to.equal('0');
        expect(stderr).to.equal('');
      });
    }
  });
}
