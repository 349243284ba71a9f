/** What an app that has configured nothing gets from its logger, and what it is spared (A16, A22, A44). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const everything = `
  const { defineEvent, dictConfig, getLogger, withContext, withSpan } = require('sonde');
  const log = getLogger('shop.orders');
  log.debug('not said');
  log.info('order created', { orderId: 1042, nested: { a: [1, null] }, level: 'forged', 'error.type': 'forged' });
  log.warn('two\\nlines \\u2028 and "quotes"', { big: 2n ** 64n, at: new Date(0) });
  log.event('order_created', { 'event.name': 'forged' });
  log.exception(new TypeError('bad', { cause: new Error('why') }));
  withContext({ 'user.id': 4 }, () => withSpan('work', () => log.error('in a span', { trace_id: 'forged' })));
  log.critical({});
`;

const text = (value: unknown): boolean => typeof value === 'string';
const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

/** The schema of a line: what must be there, and what a name stands for where it is there. */
const required: Record<string, (value: any) => boolean> = {
  timestamp: (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
  level: (value) => levels.includes(value),
  logger: text,
  message: text,
};
const optional: Record<string, (value: any) => boolean> = {
  trace_id: (value) => /^[0-9a-f]{32}$/.test(value),
  span_id: (value) => /^[0-9a-f]{16}$/.test(value),
  trace_flags: (value) => /^0[01]$/.test(value),
  correlation_id: text,
  'event.name': text,
  'error.type': text,
  'error.message': text,
  'error.stack': text,
  'error.fingerprint': text,
};

describe('the defaults of the logger', function () {
  this.timeout(30_000);

  async function run(script: string, env: Record<string, string>) {
    const folder = appFolder();
    writeFileSync(join(folder, 'app.cjs'), script);
    return runNode(['--require', 'sonde/register', 'app.cjs'], { cwd: folder, env });
  }

  for (const env of [{}, { NODE_ENV: 'production' }, { NODE_ENV: 'development' }] as Record<
    string,
    string
  >[]) {
    const name = env.NODE_ENV ?? 'no NODE_ENV';
    it(`are JSON lines of one schema from INFO on, and no alert, with ${name} (A16, A22)`, async () => {
      const ended = await run(everything, { SONDE_OTLP: 'off', ...env });
      expect(ended.code, ended.stderr).to.equal(0);
      const lines = ended.stdout.trimEnd().split('\n');
      const own = lines.map((line) => JSON.parse(line)).filter(({ logger }) => logger === 'shop.orders');
      expect(own.map(({ level }) => level)).to.deep.equal([
        'INFO',
        'WARN',
        'INFO',
        'ERROR',
        'ERROR',
        'FATAL',
      ]);
      for (const raw of lines) {
        const line = JSON.parse(raw);
        expect(Object.keys(line).slice(0, 4), raw).to.deep.equal(Object.keys(required));
        for (const [key, isRight] of Object.entries(required)) expect(isRight(line[key]), raw).to.equal(true);
        for (const [key, isRight] of Object.entries(optional)) {
          if (key in line) expect(isRight(line[key]), `${key} in ${raw}`).to.equal(true);
        }
      }
      expect(own[0]).to.include({ 'attributes.level': 'forged', 'attributes.error.type': 'forged' });
    });
  }

  it('let the app serve whatever its exporters do: one throws, one rejects, one hangs (A44)', async () => {
    const sink = await startSink();
    sink.failAlways({ connection: 'hang' });
    const script = `
      const fail = () => { throw new Error('exporter is broken'); };
      const reject = async () => fail();
      const { addContext, dictConfig, getLogger, init, withSpan } = require('sonde');
      init();
      dictConfig(
        { version: 1, disable_existing_loggers: false,
          handlers: { throws: { class: 'app.Throws' }, rejects: { class: 'app.Rejects' } },
          root: { level: 'INFO', handlers: ['throws', 'rejects'] } },
        { 'app.Throws': () => ({ write: fail, flush: fail }), 'app.Rejects': () => ({ write: reject, flush: reject }) },
      );
      const server = require('node:http').createServer((request, response) => {
        getLogger('shop').warn('asked', { url: request.url });
        withSpan('work', () => response.end('ok'));
      }).listen(0, '127.0.0.1', async () => {
        const answers = [];
        for (let i = 0; i < 20; i++) {
          const answer = await fetch('http://127.0.0.1:' + server.address().port + '/' + i);
          answers.push(answer.status + (await answer.text()));
        }
        process.stdout.write(JSON.stringify({ answers: [...new Set(answers)], count: answers.length }) + '\\n');
        server.close();
      });`;
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, OTEL_BSP_SCHEDULE_DELAY: '10' };
    const ended = await run(script, env);
    await sink.close();
    expect(ended.code, ended.stderr).to.equal(0);
    expect(ended.lines.find(({ answers }) => answers !== undefined)).to.deep.equal({
      answers: ['200ok'],
      count: 20,
    });
    expect(ended.stderr).to.include('asked');
  });
});
