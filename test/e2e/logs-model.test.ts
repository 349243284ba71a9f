/** What goes where, said in `init` or in the configuration file, in real processes (A4 to A12, A39, A40). */
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

describe('the logging model', function () {
  this.timeout(60_000);
  let folder = '';

  beforeEach(() => {
    folder = appFolder();
  });

  async function run(script: string, env: Record<string, string> = {}): Promise<Ended> {
    writeFileSync(
      join(folder, 'app.cjs'),
      `const { dictConfig, getLogger, init, setLevel } = require('sonde');\n${script}`,
    );
    return runNode(['app.cjs'], { cwd: folder, env: { SONDE_OTLP: 'off', ...env } });
  }

  function file(name: string): string[] {
    return readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean);
  }

  const messages = (ended: Ended): string[] =>
    ended.lines.filter((line) => line.logger !== 'sonde.diagnostics').map((line) => line.message);
  const plain = (text: string): string[] =>
    text.split('\n').filter((line) => line !== '' && !line.startsWith('{'));

  it('gives each handler its own level, and the root every handler that nobody else names (A4)', async () => {
    const ended = await run(`
      const mails = [];
      init({ logs: { handlers: {
        console: { level: 'INFO' },
        file: { level: 'WARNING', path: 'logs/app.log' },
        mail_admins: { level: 'ERROR', use: () => (record) => mails.push(record.message) },
      } } });
      getLogger('shop').info('made');
      getLogger('shop').warning('careful');
      console.log('mails ' + mails.length);
    `);
    expect(messages(ended)).to.deep.equal(['made', 'careful']);
    expect(file('logs/app.log').map((line) => JSON.parse(line).message)).to.deep.equal(['careful']);
    expect(plain(ended.stdout)).to.deep.equal(['mails 0']);
  });

  it('takes filters and formatters where they are used, by name or by module path (A5, A6, A7, A9)', async () => {
    writeFileSync(
      join(folder, 'filters.js'),
      `exports.SpecialFilter = class { constructor(o) { this.foo = o.foo; }
        filter(record) { return record.message !== this.foo; } };`,
    );
    const ended = await run(`
      init({ logs: {
        formatters: { verbose: { format: '{levelname} {name} {message}', style: '{' } },
        filters: { downgrade: (record) => ({ ...record, level: 'WARN', severityNumber: 13 }) },
        handlers: {
          console: { formatter: 'verbose', filters: [{ use: './filters.js#SpecialFilter', with: { foo: 'bar' } }] },
          file: { path: 'app.log', formatter: 'logfmt', filters: ['downgrade'], filter: (record) => !record.error },
        },
      } });
      getLogger('shop').error('bar');
      getLogger('shop').error('baz', new Error('x'));
    `);
    expect(plain(ended.stdout)[0]).to.equal('ERROR shop baz');
    expect(file('app.log')).to.have.length(1);
    expect(file('app.log')[0]).to.contain(' level=WARN logger=shop message=bar');
  });

  it('is the same in the configuration file, in either spelling (A10, A12)', async () => {
    const spellings = {
      ours: {
        handlers: { console: { formatter: 'short' }, file: { path: 'a.log', formatter: 'short' } },
        loggers: { noise: { handlers: ['null'], propagate: false }, shop: { level: 'DEBUG' } },
      },
      python: {
        handlers: {
          console: { class: 'logging.StreamHandler', formatter: 'short' },
          file: { class: 'logging.FileHandler', filename: 'a.log', formatter: 'short' },
          null: { class: 'logging.NullHandler' },
        },
        loggers: { noise: { handlers: ['null'], propagate: false }, shop: { level: 10 } },
      },
    };
    for (const logs of Object.values(spellings)) {
      folder = appFolder();
      const formatters = { short: { format: '{levelname} {message}', style: '{' } };
      writeFileSync(join(folder, 'my.json'), JSON.stringify({ logs: { formatters, ...logs } }));
      const ended = await run(
        `init(); getLogger('noise').error('x'); getLogger('shop').debug('y'); getLogger('o').debug('z');`,
        { SONDE_CONFIG: 'my.json' },
      );
      expect(plain(ended.stdout), ended.stderr).to.deep.equal(['DEBUG y']);
      expect(file('a.log')).to.deep.equal(['DEBUG y']);
      expect(ended.stderr).to.equal('');
    }
  });

  it('lets the environment win over the file, and code over both (A12)', async () => {
    writeFileSync(join(folder, 'my.json'), JSON.stringify({ logs: { root: { level: 'ERROR' } } }));
    const env = { SONDE_CONFIG: 'my.json', SONDE_LOG_LEVEL: 'warn' };
    const say = `for (const level of ['debug', 'info', 'warn', 'error']) getLogger('a')[level](level);`;
    expect(messages(await run(`init(); ${say}`, { SONDE_CONFIG: 'my.json' }))).to.deep.equal(['error']);
    expect(messages(await run(`init(); ${say}`, env))).to.deep.equal(['warn', 'error']);
    const ended = await run(`init({ logs: { root: { level: 'DEBUG' } } }); ${say}`, env);
    expect(messages(ended)).to.deep.equal(['debug', 'info', 'warn', 'error']);
  });

  it('tells what is wrong by path and nearest name: code throws, a file is one line (A10)', async () => {
    const wrong = [
      [
        `{ handlers: { file: { path: 'x', maxByts: 1 } } }`,
        'logs.handlers.file.maxByts is no option; did you mean maxBytes?',
      ],
      [
        `{ handlers: { mine: { type: 'fil' } } }`,
        'logs.handlers.mine.type "fil" is no kind of handler; did you mean file?',
      ],
      [
        `{ handlers: { mine: { level: 'INFO' } } }`,
        'logs.handlers.mine.type is missing: console, file, memory, http, alerts, mail, null.',
      ],
      [
        `{ handlers: { console: { levl: 'INFO' } } }`,
        'logs.handlers.console.levl is no option; did you mean level?',
      ],
      [
        `{ handlers: { console: { filters: ['requireProd'] } } }`,
        'logs.handlers.console.filters.0 "requireProd" is no filter',
      ],
      [
        `{ loggers: { shop: { handlers: ['consle'] } } }`,
        'logs.loggers.shop.handlers.0 "consle" is no handler; did you mean console?',
      ],
      [
        `{ root: { handlrs: [] } }`,
        'logs.root.handlrs is not a known option; did you mean logs.root.handlers?',
      ],
      [`{ handlers: { memory: { target: 'file' } } }`, 'logs.handlers.memory.target "file" is no handler'],
      [`{ handlers: { file: {} } }`, 'logs.handlers.file.path is not a path'],
      [`{ handlers: 1 }`, 'logs.handlers is 1, which is not objects by name'],
    ];
    const tried = wrong.map(
      ([logs]) =>
        `try { init({ logs: ${logs} }); } catch (error) { console.log(error.code, error.message); }`,
    );
    const ended = await run(tried.join('\n'));
    const told = ended.stdout.split('\n');
    for (const [i, [, message]] of wrong.entries()) expect(told[i]).to.contain(`SONDE_ERR_OPTION ${message}`);
    writeFileSync(join(folder, 'my.json'), JSON.stringify({ logs: { handlers: { console: { levl: 1 } } } }));
    const broken = await run(`init(); getLogger('a').info('here');`, { SONDE_CONFIG: 'my.json' });
    expect(messages(broken)).to.deep.equal(['here']);
    expect(broken.stderr.trimEnd().split('\n')).to.have.length(1);
    expect(broken.stderr)
      .to.contain('logs.handlers.console.levl is no option')
      .and.contain('SONDE_ERR_CONFIG_FILE');
  });

  it('touches nothing with `logs: false` (A12)', async () => {
    const sink = await startSink();
    const env = { SONDE_OTLP: 'on', OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, SONDE_LOG_FILE: 'app.log' };
    const ended = await run(`init({ logs: false }); getLogger('a').error('x');`, env);
    const configured = await run(
      `dictConfig({ version: 1, disable_existing_loggers: false,
        handlers: { own: { class: 'logging.StreamHandler' } }, root: { handlers: ['own'] } });
      init({ logs: false }); getLogger('a').error('by dictConfig');`,
      env,
    );
    await sink.close();
    expect([ended.stdout, ended.stderr, sink.logs().length]).to.deep.equal(['', '', 0]);
    expect(existsSync(join(folder, 'app.log'))).to.equal(false);
    expect(plain(configured.stdout)).to.deep.equal(['by dictConfig']);
  });

  it('asks a function, which gets the defaults and decides it all (A12)', async () => {
    const env = { SONDE_LOG_FILE: 'app.log', SONDE_LOG_LEVEL: 'warn' };
    const ended = await run(
      `init({ logs(defaults) {
        console.log(JSON.stringify([Object.keys(defaults.handlers), defaults.level]));
        return { ...defaults, level: 'debug', handlers: { file: defaults.handlers.file } };
      } });
      getLogger('a').debug('x');`,
      env,
    );
    expect(ended.stdout).to.equal('[["console","file"],"warn"]\n');
    expect(file('app.log').map((line) => JSON.parse(line).message)).to.deep.equal(['x']);
    const none = await run(`init({ logs: () => false }); getLogger('a').error('x');`);
    expect(none.stdout + none.stderr).to.equal('');
  });

  const endings: Record<string, string> = {
    'the natural end': '',
    'shutdown()': 'setInterval(() => {}, 1e6).unref(); init().shutdown();',
    'forceFlush()': `init().forceFlush().then(() => process.kill(process.pid, 'SIGKILL'));`,
    'process.exit()': 'process.exit(0);',
    'a crash': `setTimeout(() => { throw new Error('crash'); }, 1);`,
    SIGTERM: `setInterval(() => {}, 1e6); process.kill(process.pid, 'SIGTERM');`,
  };
  for (const [ending, script] of Object.entries(endings)) {
    it(`lets out what a memory handler and a buffered file hold at ${ending} (A39)`, async () => {
      await run(`
        init({ logs: { handlers: {
          file: { path: 'app.log', buffered: true },
          memory: { capacity: 1000, flushIntervalMs: 0, target: 'file' },
        } } });
        for (let i = 0; i < 99; i++) getLogger('a').info('line ' + i);
        ${script}
      `);
      const lines = file('app.log').map((line) => JSON.parse(line).message);
      expect(lines.slice(0, 99)).to.deep.equal(Array.from({ length: 99 }, (_, i) => `line ${i}`));
    });
  }

  it('keeps the details of a trace for the day that it errs, and only then (A39)', async () => {
    const spelt = [
      `{ handlers: { memory: { perTrace: true, level: 'DEBUG', target: 'console' } }, loggers: { quiet: { level: 'off' } } }`,
      `{ handlers: { memory: { class: 'logging.handlers.MemoryHandler', perTrace: true, target: 'console' } },
        loggers: { quiet: { level: 'OFF' } } }`,
    ];
    for (const logs of spelt) {
      const ended = await run(`
        const { withSpan } = require('sonde');
        init({ logs: ${logs} });
        const log = getLogger('shop.orders');
        withSpan('good', () => { log.debug('good detail'); log.info('good'); });
        withSpan('bad', () => {
          log.debug('first detail'); log.info('begun'); getLogger('quiet').error('never');
          log.debug('second detail'); log.error('failed'); log.debug('after');
        });
        log.debug('nobody');
        console.log(log.level);
      `);
      expect(messages(ended), ended.stderr).to.deep.equal([
        ...['good', 'begun', 'first detail', 'second detail', 'failed', 'after'],
      ]);
      expect(plain(ended.stdout)).to.deep.equal(['info']);
    }
  });

  it('posts lines of JSON to a log service, in both spellings (A40)', async () => {
    const seen: { head: http.IncomingHttpHeaders; body: string }[] = [];
    const server = http.createServer(async (request, response) => {
      let body = '';
      for await (const chunk of request) body += chunk;
      seen.push({ head: request.headers, body });
      response.end();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const options = `host: '${host}', url: '/ingest', credentials: ['ann', 'pw']`;
    await run(`init({ logs: { handlers: { http: { ${options} } } } }); getLogger('a').info('one');`);
    await run(`dictConfig({ version: 1, disable_existing_loggers: false,
      handlers: { web: { class: 'logging.handlers.HTTPHandler', ${options}, method: 'POST' } },
      root: { handlers: ['web'] } }); getLogger('a').info('two');`);
    server.close();
    expect(seen.map(({ body }) => JSON.parse(body).message)).to.deep.equal(['one', 'two']);
    for (const { head } of seen) {
      expect(head['content-type']).to.equal('application/x-ndjson');
      expect(head.authorization).to.equal(`Basic ${Buffer.from('ann:pw').toString('base64')}`);
    }
  });

  it('sends once by a later init what a dictConfig has written before it (A13)', async () => {
    const sink = await startSink();
    const ended = await run(
      `dictConfig({ version: 1, disable_existing_loggers: false,
        handlers: { console: { class: 'logging.StreamHandler' } }, root: { handlers: ['console'] } });
      getLogger('a').info('early');
      setTimeout(() => { init(); getLogger('a').info('late'); }, 20);`,
      { SONDE_OTLP: 'on', OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    );
    await sink.close();
    expect(plain(ended.stdout)).to.deep.equal(['early', 'late']);
    expect(sink.logs().map((log) => log.body)).to.deep.equal(['early', 'late']);
  });

  it('prints what processors make of a record, where no handler has a format of its own (A24)', async () => {
    const sink = await startSink();
    const ended = await run(
      `const { processors } = require('sonde');
      init({ logs: {
        processors: [processors.addLogLevel(), (event) => ({ ...event, app: 'shop' }), processors.jsonRenderer()],
        handlers: { file: { path: 'app.log', formatter: 'logfmt' } },
      } });
      getLogger('a').event('order_created', { order_id: 1042 });`,
      { SONDE_OTLP: 'on', OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    );
    await sink.close();
    expect(ended.stdout.split('\n')).to.include(
      '{"event":"order_created","order_id":1042,"level":"info","app":"shop"}',
    );
    expect(file('app.log')[0]).to.match(/order_created.* order_id=1042.* app=shop/);
    expect(sink.logs()[0]!.body).to.equal('order_created');
  });

  it('sends by OTLP what the filters of a logger have made of a record, and loses none that one throws at (A5)', async () => {
    const sink = await startSink();
    const ended = await run(
      `const sonde = init({ logs: {
        filters: {
          calm: (record) => record.level === 'ERROR' ? { ...record, level: 'WARN', severityNumber: 13 } : true,
          broken: () => { throw new Error('broken'); },
        },
        loggers: { shop: { filters: ['calm', 'broken'] } },
      } });
      getLogger('shop').error('calmed');
      process.on('exit', () => process._rawDebug('errors ' + sonde.status().counters['logs.filter_errors']));`,
      { SONDE_OTLP: 'on', OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    );
    await sink.close();
    const [log] = sink.logs();
    expect([log!.body, log!.severityNumber]).to.deep.equal(['calmed', 13]);
    expect(ended.lines.find((line) => line.message === 'calmed')!.level).to.equal('WARN');
    expect(ended.stderr).to.contain('errors 1');
  });

  it('holds nobody up, and ends in time, when a log service hangs (A40)', async () => {
    const server = http.createServer(() => undefined);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const ended = await run(`
      init({ logs: { handlers: { http: { host: '${host}', url: '/' } } } });
      for (let i = 0; i < 100; i++) getLogger('a').info('line', { i });
      process.on('exit', () => process._rawDebug(JSON.stringify(init().status().counters)));
    `);
    server.closeAllConnections();
    server.close();
    expect(ended.code).to.equal(0);
    expect(messages(ended)).to.have.length(100);
    const counters = JSON.parse(ended.stderr.split('\n').find((line) => line.includes('emitted.http_logs'))!);
    expect(counters).to.include({ 'emitted.http_logs': 100, 'dropped.http_logs.unanswered': 100 });
    expect(ended.stderr).to.contain(`Lost in all: 100 log records to http://${host}.`);
  });

  it('keeps the console and SONDE_LOG_FILE when the handlers of the file are wrong (A12)', async () => {
    writeFileSync(join(folder, 'my.json'), JSON.stringify({ logs: { handlers: { file: { pth: 'x' } } } }));
    const env = { SONDE_CONFIG: 'my.json', SONDE_LOG_FILE: 'app.log' };
    const ended = await run(`init(); getLogger('a').info('here');`, env);
    expect(messages(ended)).to.deep.equal(['here']);
    expect(file('app.log').map((line) => JSON.parse(line).message)).to.deep.equal(['here']);
    expect(ended.stderr).to.contain('logs.handlers.file.pth is no option; did you mean path?');
  });
});
