import { expect } from 'chai';
import { run } from './captured.ts';

/** Sinks that write `p:` and `s:` lines, as a console and as OTLP would be. */
const started = `startSinks([(r) => process.stdout.write('p:' + r.message + '\\n')],
  [(r) => process.stdout.write('s:' + r.message + '\\n')]);`;
const log = "const log = getLogger('app');";

describe('records from before init (A13)', () => {
  it('are printed with the defaults when init never comes: a logger alone always prints (A42)', () => {
    const { lines, stderr, status } = run(`${log} log.info('a'); log.info('b', { n: 1 });`);
    expect(lines.map((line) => line.message)).to.eql(['a', 'b']);
    expect([stderr, status]).to.eql(['', 0]);
  });

  it('are replayed in order, with their own time, when init comes with the first module', () => {
    const { stdout } = run(`${log} log.info('a'); log.debug('no'); log.info('b');
      const t = Date.now(); while (Date.now() < t + 5);
      startSinks([(r) => process.stdout.write(r.message + ':' + (r.time < t + 1) + '\\n')], []);
      log.info('c');`);
    expect(stdout).to.equal('a:true\nb:true\nc:false\n');
  });

  it('are as they were said, even if the fields changed since, and by the levels of init', () => {
    const { stdout } = run(`${log} const f = { n: 1 }; log.info('a', f); f.n = 2; log.warn('w');
      setLevel('app', 'warn');
      startSinks([(r) => process.stdout.write(r.message + '\\n')], []);`);
    expect(stdout).to.equal('w\n');
    const kept = run(
      `${log} const f = { n: 1 }; log.info('a', f); f.n = 2; startSinks([consoleSink()], []);`,
    );
    expect(kept.lines[0]).to.include({ n: 1 });
  });

  it('are printed after the main module has run, and only sent by an init that comes later', () => {
    const { stdout } = run(`${log} log.info('early');
      setTimeout(() => { log.info('late'); ${started} log.info('after'); }, 20);`);
    const said = stdout.split('\n').filter(Boolean);
    expect(said[0]).to.contain('"message":"early"');
    expect(said[1]).to.contain('"message":"late"');
    expect(said.slice(2)).to.eql(['s:early', 's:late', 'p:after', 's:after']);
  });

  it('are printed at exit and at a crash', () => {
    const exit = run(`${log} log.info('a'); process.exit(3);`);
    expect([exit.lines[0]?.message, exit.status]).to.eql(['a', 3]);
    const crash = run(`${log} log.info('a'); throw new Error('boom');`);
    expect([crash.lines[0]?.message, crash.status]).to.eql(['a', 1]);
    expect(crash.stderr).to.contain('boom');
  });

  it('are more than 1,000: the waiting ends and none is lost', () => {
    const { lines } = run(`${log} for (let i = 0; i < 1500; i++) log.info('m' + i);`);
    expect(lines.map((line) => line.message)).to.eql(Array.from({ length: 1500 }, (_, i) => `m${i}`));
  });

  it('do not hold the process', () => {
    const { lines, status } = run(`${log} setTimeout(() => {}, 10_000).unref(); log.info('a');`);
    expect([lines.length, status]).to.eql([1, 0]);
  });

  it('follow the level of the environment, SONDE_LOG_LEVEL before LOG_LEVEL (A14)', () => {
    const code = `${log} log.debug('d'); log.info('i'); log.warn('w'); getLogger('shop.orders').debug('o');`;
    const told = (env: NodeJS.ProcessEnv): string =>
      run(code, env)
        .lines.map((line) => line.message)
        .join('');
    expect(told({})).to.equal('iw');
    expect(told({ LOG_LEVEL: 'warn' })).to.equal('w');
    expect(told({ LOG_LEVEL: 'warn', SONDE_LOG_LEVEL: 'info,shop.orders=debug' })).to.equal('iwo');
    expect(told({ SONDE_LOG_LEVEL: 'nonsense' })).to.equal('iw');
  });

  it('are not printed under a test runner, unless SONDE_LOG_LEVEL is set', () => {
    const code = `${log} log.info('a'); setTimeout(() => log.info('b'), 10);`;
    for (const name of ['VITEST', 'JEST_WORKER_ID', 'NODE_TEST_CONTEXT']) {
      expect(run(code, { [name]: '1' }).stdout).to.equal('');
    }
    expect(run(code, { NODE_ENV: 'test' }).stdout).to.equal('');
    expect(run(code, { NODE_ENV: 'test', SONDE_LOG_LEVEL: 'info' }).lines).to.have.length(2);
    expect(run(code, { SONDE_LOG_CONSOLE: 'off' }).stdout).to.equal('');
  });
});
