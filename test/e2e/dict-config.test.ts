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
    expect(sink.logs().map((log) => log.body)).to.deep.equal(['looked up', 'failed', 'hello']);
  });
});
