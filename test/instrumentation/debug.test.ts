import util, { format, debuglog as named } from 'node:util';
import { expect } from 'chai';
import { debug } from '../../instrumentation/debug.ts';
import { debuglog } from '../../instrumentation/debuglog.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { bridged } from '../support/bridged.ts';
import { runNode } from '../support/child.ts';
import { requireOf } from '../support/installed.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const library = requireOf('debug')('debug');

describe('debug', () => {
  before(() => library.enable('shop.orders'));
  after(() => library.disable());

  bridgeContract({
    name: 'debug',
    make: debug,
    logger: 'shop.orders',
    level: 'DEBUG',
    fields: false,
    visible: true,
    patched: () => [library],
    open() {
      const lines: string[] = [];
      const log = library('shop.orders');
      const other = library('shop.other');
      for (const one of [log, other]) one.log = (...args: unknown[]) => void lines.push(format(...args));
      return { lines, log: (message) => log(message), whisper: (message) => other(message) };
    },
  });
});

describe('util.debuglog', () => {
  it('is put back when disarmed, for named imports, too', async () => {
    const original = util.debuglog;
    const process = bridged('debuglog', debuglog);
    expect(util.debuglog).to.not.equal(original);
    expect(named).to.equal(util.debuglog);
    await process.stop();
    expect([util.debuglog, named]).to.deep.equal([original, original]);
  });

  it('costs nothing for a section that nobody asked for', async () => {
    const process = bridged('debuglog', debuglog);
    const log = util.debuglog('nobody-asked');
    log('hello');
    expect(log.enabled).to.equal(false);
    expect(process.records).to.have.length(0);
    await process.stop();
  });
});

describe('debug and util.debuglog in an app', function () {
  this.timeout(30_000);
  const code = `
    import debug from 'debug';
    import { debuglog } from 'node:util';
    debug('shop:cart')('cart has %d', 2);
    debuglog('shop')('opened %s', 'door');
    debuglog('other')('not asked for');
  `;
  const env = { DEBUG: 'shop:*', NODE_DEBUG: 'shop' };

  async function run(more: Record<string, string>) {
    const folder = appFolder(['debug', 'ms']);
    const sink = await startSink();
    const all = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, ...env, ...more };
    const args = ['--require', 'sonde/register', '--input-type=module', '--eval', code];
    const ended = await runNode(args, { cwd: folder, env: all });
    await sink.close();
    const logs = sink.logs().filter(({ scope }) => scope.startsWith('shop'));
    return { ended, logs: logs.map(({ scope, severityText, body }) => [scope, severityText, body]) };
  }

  it('are sent at level debug, each with its own name', async () => {
    const { logs, ended } = await run({ SONDE_BRIDGES__LEVEL: 'debug' });
    expect(logs, ended.stderr).to.deep.equal([
      ['shop:cart', 'DEBUG', 'cart has 2'],
      ['shop', 'DEBUG', 'opened door'],
    ]);
    expect(ended.stderr)
      .to.match(/shop:cart.* cart has 2\n/)
      .and.match(/SHOP \d+: opened door\n/);
  });

  it('are not sent by default, since INFO is the level of all bridges', async () => {
    expect((await run({})).logs).to.deep.equal([]);
  });
});
