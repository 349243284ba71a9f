/** `sonde/testing` in the real runners, from the packed tarball (A66, A67): what counts is the runner's own report. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { requirePostgres } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const fixtures = join(import.meta.dirname, '../fixtures/runners');

/** Names of the suite of `shared/suite.cjs`. */
const passing = [
  'captures the access line of a health check',
  'fails when nothing was logged',
  'opens a level and puts it back',
  'shows the request of the test and no other',
  'collects spans, metrics and logs of a request',
  'runs a function in a span of its own',
  'holds a request to its budget of queries',
];
const failing = ['FAILS on purpose'];

interface Report {
  readonly passed: string[];
  readonly failed: string[];
  readonly reasons: string;
}

/** vitest and jest share the shape of their reports. */
function jestReport(file: string): Report {
  const { testResults } = JSON.parse(readFileSync(file, 'utf8'));
  const all = testResults.flatMap((result: any) => result.assertionResults);
  const of = (status: string): any[] => all.filter((each: any) => each.status === status);
  return {
    passed: of('passed').map(({ title }) => title),
    failed: of('failed').map(({ title }) => title),
    reasons: of('failed')
      .flatMap(({ failureMessages }) => failureMessages)
      .join('\n'),
  };
}

function mochaReport(file: string): Report {
  const { passes, failures } = JSON.parse(readFileSync(file, 'utf8'));
  return {
    passed: passes.map(({ title }: any) => title),
    failed: failures.map(({ title }: any) => title),
    reasons: failures.map(({ err }: any) => err.message).join('\n'),
  };
}

/** TAP, where a file is a test of its own around those in it or, without it, is not there. */
function tapReport({ stdout }: Ended): Report {
  const lines = [...stdout.matchAll(/^(not )?ok \d+ - (.*)$/gm)];
  return {
    passed: lines.filter(([, not]) => not === undefined).map(([, , name]) => name!),
    failed: lines.filter(([, not]) => not !== undefined).map(([, , name]) => name!),
    reasons: stdout,
  };
}

const reason = /No record of logger "shop\.jobs" at ERROR or above was logged while the function ran\./;

function expectReport({ passed, failed, reasons }: Report, more: readonly string[] = []): void {
  expect(failed, reasons).to.deep.equal(failing);
  expect(passed).to.have.members([...passing, ...more]);
  expect(reasons).to.match(reason);
}

describe('sonde/testing in real runners (A66, A72)', function () {
  this.timeout(120_000);

  function folderOf(runner: string): string {
    const packages = { 'node-test': ['express', 'pg'] }[runner] ?? ['express', 'pg', runner];
    return join(appFolder(packages, fixtures), runner);
  }

  before(function () {
    return requirePostgres(this);
  });

  for (const ending of ['cjs', 'mjs']) {
    it(`node:test, ${ending}: passes, fails where it should, and ends by itself`, async () => {
      const args = ['--test', '--test-reporter=tap', `sonde.test.${ending}`];
      const ended = await runNode(args, { cwd: folderOf('node-test') });
      expectReport(tapReport(ended));
      expect(ended.code).to.equal(1);
    });

    for (const env of [{}, { NODE_ENV: 'test' }] as Record<string, string>[]) {
      const named = env.NODE_ENV === undefined ? '' : ' with NODE_ENV=test';
      it(`mocha, ${ending}${named}: passes, fails where it should, and ends by itself`, async () => {
        const folder = folderOf('mocha');
        const args = [
          '--reporter',
          'json',
          '--reporter-option',
          'output=report.json',
          `sonde.test.${ending}`,
        ];
        const ended = await runNode(['../node_modules/mocha/bin/mocha.js', ...args], { cwd: folder, env });
        expectReport(mochaReport(join(folder, 'report.json')));
        expect(ended.code).to.equal(1);
      });
    }
  }

  const ofVitest = [
    'works with fake timers',
    ...[1, 2, 3, 4].map((id) => `sees nothing of its neighbours (${id})`),
    'a file of its own sees only itself',
  ];
  for (const pool of ['threads', 'forks']) {
    it(`vitest, ${pool}: passes with fake timers and parallel tests, and fails where it should`, async () => {
      const folder = folderOf('vitest');
      const args = ['../node_modules/vitest/vitest.mjs', 'run', `--pool=${pool}`, '--reporter=json'];
      const ended = await runNode([...args, '--outputFile=report.json'], {
        cwd: folder,
        timeoutMillis: 60_000,
      });
      expectReport(jestReport(join(folder, 'report.json')), ofVitest);
      expect(ended.stderr + ended.stdout).to.not.match(/hanging|did not exit|close timed out/i);
    });
  }

  const jest = ['../node_modules/jest/bin/jest.js', '--json', '--outputFile=report.json'];
  const ofJest = [
    'works with fake timers',
    'works after resetModules: new modules, one Sonde',
    'a file of its own sees only itself',
  ];
  // jest tells its workers what they are, but a preload in its own process comes too early to be told.
  const told = { NODE_ENV: 'test' };
  const ways: Record<string, [flags: string[], args: string[], env?: Record<string, string>]> = {
    'in workers': [[], ['--maxWorkers=2']],
    'in one process, looking for open handles': [[], ['--runInBand', '--detectOpenHandles']],
    'with the preload, in workers': [['--require', 'sonde/register'], ['--maxWorkers=2']],
    'with the preload, in one process': [['--require', 'sonde/register'], ['--runInBand'], told],
  };
  for (const [way, [flags, args, env]] of Object.entries(ways)) {
    it(`jest ${way}: passes with resetModules and fake timers, and fails where it should`, async () => {
      const folder = folderOf('jest');
      const run = [...flags, ...jest, ...args, 'sonde.test.cjs', 'neighbour.test.cjs'];
      const ended = await runNode(run, { cwd: folder, env, timeoutMillis: 60_000 });
      expectReport(jestReport(join(folder, 'report.json')), ofJest);
      expect(ended.stderr).to.not.match(/open handle|did not exit|force exited/i);
      expect(ended.code).to.equal(1);
    });
  }

  it('jest with ES modules: passes, and fails where it should', async () => {
    const folder = folderOf('jest');
    const run = ['--experimental-vm-modules', ...jest, '--runInBand', 'sonde.test.mjs'];
    const ended = await runNode(run, { cwd: folder, timeoutMillis: 60_000 });
    expectReport(jestReport(join(folder, 'report.json')));
    expect(ended.stderr).to.not.match(/did not exit|force exited/i);
  });
});
