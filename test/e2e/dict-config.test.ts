/** A pasted LOGGING dict, in a real process: what is printed where, beside what goes out by OTLP. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const dict = {
  version: 1,
  disable_existing_loggers: false,
  formatters: { simple: { format: '{levelname} {name} {message}', style: '{' } },
  handlers: {
    console: { class: 'logging.StreamHandler', formatter: 'simple' },
    troubles: {
      class: 'logging.StreamHandler',
      formatter: 'simple',
      level: 'ERROR',
      stream: 'ext://sys.stderr',
    },
    file: { class: 'logging.handlers.RotatingFileHandler', filename: 'logs/app.log', formatter: 'simple' },
    null: { class: 'logging.NullHandler' },
  },
  root: { handlers: ['console'], level: 'INFO' },
  loggers: {
    shop: { handlers: ['file', 'troubles'], level: 'DEBUG', propagate: true },
    'shop.noise': { handlers: ['null'], propagate: false },
  },
};

const script = `
const { dictConfig, getLogger } = require('sonde');
dictConfig(${JSON.stringify(dict)});
getLogger('shop.orders').debug('looked up');
getLogger('shop.orders').error('failed');
getLogger('shop.noise').error('never mind');
getLogger('other').info('hello');
getLogger('other').debug('too fine');
`;

describe('a pasted LOGGING dict', function () {
  this.timeout(30_000);

  it('prints to stdout, to stderr and to a file what its handlers say, and sends all but silence (A2, A4, A10, A18, A36)', async () => {
    const folder = appFolder();
    writeFileSync(join(folder, 'app.cjs'), script);
    const sink = await startSink();
    const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
      cwd: folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
    });
    await sink.close();
    const plain = ended.stdout.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
    expect(ended.code, ended.stderr).to.equal(0);
    expect(plain).to.deep.equal([
      'DEBUG shop.orders looked up',
      'ERROR shop.orders failed',
      'INFO other hello',
    ]);
    expect(ended.stderr).to.equal('ERROR shop.orders failed\n');
    // Errors are sent before the rest.
    expect(sink.logs().map((log) => log.body)).to.have.members(['looked up', 'failed', 'hello']);
  });

  describe('without a level for django', () => {
    const silentOthers = { version: 1, disable_existing_loggers: true };
    const console = { console: { class: 'logging.StreamHandler' } };
    const plain = { ...silentOthers, disable_existing_loggers: false, handlers: console };
    const root = { handlers: ['console'] };

    async function said(script: string, level?: string) {
      const folder = appFolder();
      writeFileSync(
        join(folder, 'app.cjs'),
        `const { dictConfig, getLogger, init } = require('sonde');\n${script}`,
      );
      const env = { SONDE_OTLP: 'off', ...(level !== undefined && { DJANGO_LOG_LEVEL: level }) };
      const { code, stdout, stderr } = await runNode(['app.cjs'], { cwd: folder, env });
      expect(code, stderr).to.equal(0);
      return { printed: stdout.split('\n').filter((line) => line !== '' && !line.startsWith('{')), stderr };
    }

    const calls = `for (const name of ['django.db.backends', 'sonde', 'shop']) {
      for (const level of ['debug', 'info', 'warn']) getLogger(name)[level](name + ' ' + level);
    }`;
    const fine = ['django.db.backends debug', 'django.db.backends info', 'django.db.backends warn'];
    const finest = [...fine, 'sonde debug', 'sonde info', 'sonde warn', 'shop info', 'shop warn'];

    for (const loggers of [{ django: { handlers: ['console'] } }, { sonde: {} }, {}]) {
      it(`asks DJANGO_LOG_LEVEL for it, and it governs the children, with loggers ${JSON.stringify(loggers)} (A14, A45)`, async () => {
        const handlers = Object.values(loggers).some((part) => 'handlers' in part) ? undefined : root;
        const own =
          handlers === undefined ? (lines: string[]) => lines.slice(0, 6) : (lines: string[]) => lines;
        const script = `dictConfig(${JSON.stringify({ ...plain, loggers, root: handlers })}); ${calls}`;
        expect((await said(script, 'DEBUG')).printed).to.include.members(own(finest));
        expect((await said(script)).printed)
          .to.include(fine[1])
          .and.not.include(fine[0]);
        expect((await said(script, 'warning')).printed)
          .to.include(fine[2])
          .and.not.include(fine[1]);
      });
    }

    it('lets what the dict names win, and what it silences be silent (A11, A14)', async () => {
      const named = { ...plain, root, loggers: { django: { level: 'WARNING' } } };
      const wins = await said(`dictConfig(${JSON.stringify(named)}); ${calls}`, 'DEBUG');
      expect(wins.printed).to.include(fine[2]).and.not.include(fine[1]);
      const off = { ...silentOthers, handlers: console, root };
      const silenced = await said(
        `getLogger('sonde'); dictConfig(${JSON.stringify(off)}); getLogger('sonde').warn('x');`,
        'DEBUG',
      );
      expect(silenced.printed).to.deep.equal([]);
    });

    it('says once that a wrong DJANGO_LOG_LEVEL has no effect, and throws nothing (A14)', async () => {
      const dictTwice = `dictConfig(${JSON.stringify({ ...plain, root })});`.repeat(2);
      const wrong = await said(`${dictTwice} ${calls}`, 'VERBOS');
      expect(wrong.printed).to.include(fine[1]).and.not.include(fine[0]);
      expect(wrong.stderr.match(/DJANGO_LOG_LEVEL has no effect: "VERBOS"/g)).to.have.length(1);
    });

    it('is the only one who asks: init does not, nor does it wonder at the name (A14)', async () => {
      const script = `init({ logs: { handlers: { out: { use: () => (record) => console.log(record.message) } } } });
        getLogger('sonde').debug('debug'); getLogger('sonde').info('info');`;
      expect(await said(script, 'DEBUG')).to.deep.equal({ printed: ['info'], stderr: '' });
    });
  });
});
