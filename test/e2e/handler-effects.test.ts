/** What handlers and their filters do to a running app: debug filters, silence, defaults, and a file that fails. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import dicts from '../fixtures/logging-dicts.json' with { type: 'json' };
import { cleanEnvironment, type Ended, runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

describe('handlers in an app', function () {
  this.timeout(60_000);
  let folder = '';

  before(() => {
    folder = appFolder();
  });

  async function run(script: string, env: Record<string, string> = {}): Promise<Ended> {
    writeFileSync(
      join(folder, 'app.cjs'),
      `const { dictConfig, getLogger, init } = require('sonde');\n${script}`,
    );
    return runNode(['app.cjs'], { cwd: folder, env: { SONDE_OTLP: 'off', ...env } });
  }

  const plain = (text: string): string[] =>
    text.split('\n').filter((line) => line !== '' && !line.startsWith('{'));

  const dict = `dictConfig({ version: 1, disable_existing_loggers: false,
    filters: { debug: { '()': 'django.utils.log.RequireDebugTrue' }, prod: { '()': 'django.utils.log.RequireDebugFalse' } },
    formatters: { d: { format: 'development {message}', style: '{' }, p: { format: 'production {message}', style: '{' } },
    handlers: {
      d: { class: 'logging.StreamHandler', formatter: 'd', filters: ['debug'] },
      p: { class: 'logging.StreamHandler', formatter: 'p', filters: ['prod'] },
    },
    root: { handlers: ['d', 'p'], level: 'INFO' } });`;
  const inDevelopment = `init({ resource: { 'deployment.environment.name': 'development' } });`;
  const environments: [name: string, script: string, env: Record<string, string>, sees: string][] = [
    ['nothing is set', 'init();', {}, 'production'],
    ['NODE_ENV=development', 'init();', { NODE_ENV: 'development' }, 'development'],
    ['NODE_ENV=staging', 'init();', { NODE_ENV: 'staging' }, 'production'],
    [
      'the resource names another environment than NODE_ENV',
      'init();',
      { NODE_ENV: 'development', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=production' },
      'production',
    ],
    ['init names it in code', inDevelopment, { NODE_ENV: 'production' }, 'development'],
  ];
  for (const [name, script, env, sees] of environments) {
    it(`know whether this is ${sees} when ${name} (A8)`, async () => {
      const before = await run(`${dict}${script} getLogger('a').info('x');`, env);
      const after = await run(`${script}${dict} getLogger('a').info('x');`, env);
      expect(plain(before.stdout)).to.deep.equal([`${sees} x`]);
      expect(plain(after.stdout)).to.deep.equal([`${sees} x`]);
    });
  }

  it('keep an alert quiet in development by `requireProduction` (A8)', async () => {
    const script = `init({ logs: { handlers: {
      alert: { use: () => (record) => console.log('alert ' + record.message), filters: ['requireProduction'] },
      local: { use: () => (record) => console.log('local ' + record.message), filters: ['requireDevelopment'] },
    } } });
    getLogger('a').error('x');`;
    expect(plain((await run(script)).stdout)).to.deep.equal(['alert x']);
    expect(plain((await run(script, { NODE_ENV: 'development' })).stdout)).to.deep.equal(['local x']);
  });

  it('are silent under the null dict: no line, no OTLP, no counter (A10, A18)', async () => {
    const sink = await startSink();
    const spelt = [
      `dictConfig(${JSON.stringify({ ...dicts['S4 null'], disable_existing_loggers: false })}); const sonde = init();`,
      `const sonde = init({ logs: { loggers: { 'django.security.DisallowedHost': { handlers: ['null'], propagate: false } } } });`,
    ];
    for (const script of spelt) {
      const ended = await run(
        `${script}
        getLogger('sonde.security.DisallowedHost').error('bad host');
        getLogger('sonde.security.csrf').error('heard');
        console.log(JSON.stringify({ counters: sonde.status().counters }));`,
        { SONDE_OTLP: 'on', SONDE_BRIDGES__CONSOLE: 'none', OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
      );
      const messages = ended.lines
        .filter((line) => /^sonde\.security/.test(line.logger))
        .map((line) => line.message);
      expect(messages).to.deep.equal(['heard']);
      expect(ended.lines.find((line) => line.counters)!.counters).to.not.have.any.keys('logs.last_resort');
      expect(ended.stderr).to.equal('');
    }
    await sink.close();
    expect(sink.logs().map((log) => log.body)).to.deep.equal(['heard', 'heard']);
  });

  it('bring what a file in a read-only folder does not take to stderr, counted and said once (A17)', async () => {
    const readOnly = mkdtempSync(join(tmpdir(), 'sonde-read-only-'));
    chmodSync(readOnly, 0o555);
    const ended = await run(`
      const sonde = init({ logs: {
        handlers: { file: { path: '${readOnly}/app.log', delay: true } }, root: { handlers: ['file'] },
      } });
      // Nothing is read-only for root.
      if (process.getuid() === 0) process.setuid(65534);
      for (const i of [1, 2, 3]) getLogger('a').info('kept', { i });
      console.log('alive', sonde.status().counters['logs.last_resort']);
    `);
    const isWritten = existsSync(join(readOnly, 'app.log'));
    rmSync(readOnly, { recursive: true });
    const told = ended.stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const own = told.filter((line) => line.logger === 'a');
    const announced = told.filter((line) => /logs\.last_resort/.test(line.message));
    expect([ended.code, isWritten]).to.deep.equal([0, false]);
    expect(own.map((line) => line.i)).to.deep.equal([1, 2, 3]);
    expect(announced).to.have.length(1);
    expect(told.some((line) => line.message.includes(`${readOnly}/app.log`))).to.equal(true);
    expect(plain(ended.stdout)).to.deep.equal(['alive 3']);
  });

  const hello = `init(); getLogger('a').debug('fine'); getLogger('a').info('hello'); getLogger('a').error('no');`;
  for (const NODE_ENV of ['', 'production', 'development']) {
    it(`are one console at INFO by default, with NODE_ENV=${NODE_ENV || '(unset)'}: JSON where nobody watches (A16)`, async () => {
      const ended = await run(hello, { NODE_ENV });
      expect(ended.lines.map((line) => line.message)).to.deep.equal(['hello', 'no']);
      expect(plain(ended.stdout)).to.deep.equal([]);
      expect(ended.stderr).to.equal('');
    });
  }

  it('have no alert among them unless one is configured (A16)', async () => {
    const script = (options: string) => `
      const sonde = init(${options});
      for (const i of [1, 2]) getLogger('a').error('no', new Error('x'));
      sonde.forceFlush().then(() => console.log(JSON.stringify({
        alerts: Object.entries(sonde.status().counters).filter(([name]) => name.includes('alerts')),
        parts: Object.keys(require.cache).filter((file) => /parts.alert\\.cjs$/.test(file)).length,
      })));`;
    const found = (ended: Ended) => ended.lines.find((line) => line.alerts);
    for (const NODE_ENV of ['', 'production', 'development']) {
      expect(found(await run(script(''), { NODE_ENV }))).to.deep.equal({ alerts: [], parts: 0 });
    }
    const configured = await run(script("{ alerts: { file: 'mails', adminEmails: ['a@b'] } }"));
    expect(found(configured)!.parts).to.equal(1);
    expect(Object.fromEntries(found(configured)!.alerts)).to.include({ 'delivered.alerts': 2 });
  });

  it('are pretty on a terminal (A16)', () => {
    writeFileSync(join(folder, 'app.cjs'), `const { getLogger, init } = require('sonde');\n${hello}`);
    const shown = execFileSync('script', ['-qec', `${process.execPath} app.cjs`, '/dev/null'], {
      cwd: folder,
      env: cleanEnvironment({ SONDE_OTLP: 'off', TERM: 'xterm', NO_COLOR: '1' }),
      encoding: 'utf8',
    });
    expect(shown)
      .to.match(/INFO .*hello/)
      .and.match(/ERROR .*no/);
    expect(shown).not.to.contain('"message"').and.not.to.contain('fine');
  });

  it('do not get what sonde.server says by way of the root (A16)', async () => {
    const ended = await run(`
      dictConfig({ version: 1, disable_existing_loggers: false,
        handlers: { root: { class: 'logging.StreamHandler' } }, root: { handlers: ['root'] } });
      init();
      getLogger('sonde.server').info('GET /');
      getLogger('sonde.request').warning('Not Found: /');
    `);
    expect(plain(ended.stdout)).to.deep.equal(['Not Found: /']);
    expect(ended.lines.map((line) => line.message)).to.include('GET /');
  });

  it("hear as much of Sonde's own words as OTEL_LOG_LEVEL says, whatever the app logs", async () => {
    const said = async (env: Record<string, string>, script = 'init();') =>
      (await run(script, { SONDE_DEBUG: 'on', ...env })).lines.filter(
        (line) => line.logger === 'sonde.diagnostics',
      ).length;
    expect(await said({ SONDE_LOG_LEVEL: 'error' })).to.equal(0);
    expect(await said({ SONDE_LOG_LEVEL: 'error', OTEL_LOG_LEVEL: 'info' })).to.be.greaterThan(0);
    expect(await said({ OTEL_LOG_LEVEL: 'error' })).to.equal(0);
  });
});
