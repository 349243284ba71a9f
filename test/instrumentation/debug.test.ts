import { format } from 'node:util';
import { expect } from 'chai';
import { debug } from '../../instrumentation/debug.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { requireOf } from '../support/bridged.ts';
import { runNode } from '../support/child.ts';
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
