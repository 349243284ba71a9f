/** What code for browsers, edge functions and workers gets: a console logger, small, and nothing of Node.js. */
import { lstatSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { expect } from 'chai';
import { build } from 'esbuild';
import * as node from '../../src/index.ts';
import { appFolder, packedSonde } from '../support/tarball.ts';

type Printed = readonly [method: string, ...args: unknown[]];

/** Bundles `code` as a browser's build would, and runs it where there is a console and nothing else. */
async function run(code: string, conditions: string[] = []): Promise<Printed[]> {
  const folder = appFolder();
  writeFileSync(join(folder, 'main.js'), code);
  const { outputFiles } = await build({
    ...{ entryPoints: [join(folder, 'main.js')], bundle: true, write: false, format: 'iife' },
    ...(conditions.length === 0 ? { platform: 'browser' } : { platform: 'neutral', conditions }),
  });
  const printed: Printed[] = [];
  const methods = ['debug', 'info', 'warn', 'error'];
  const print = (method: string) => [method, (...args: unknown[]) => printed.push([method, ...args])];
  const context = createContext({ console: Object.fromEntries(methods.map(print)) });
  new Script(outputFiles![0]!.text).runInContext(context);
  // What was made in the other realm has other prototypes.
  return JSON.parse(JSON.stringify(printed, (_key, value) => value?.stack?.split('\n')[0] ?? value));
}

describe('the browser entry', function () {
  this.timeout(60_000);

  it('is smaller than 3 kB', () => {
    expect(lstatSync(join(packedSonde(), 'dist/browser.mjs')).size).to.be.lessThan(3_000);
  });

  for (const conditions of [[], ['edge-light'], ['workerd']]) {
    const name = conditions[0] ?? 'browser';
    it(`prints by the console, without anything of Node.js (${name})`, async () => {
      const printed = await run(
        `import { getLogger } from 'sonde';
         getLogger('shop.orders').info('order {id} created', { id: 7 });`,
        conditions,
      );
      expect(printed).to.deep.equal([['info', '%s', '[shop.orders] order 7 created', { id: 7 }]]);
    });
  }

  it('has every name that the Node.js entry has', async () => {
    const browser = await import('../../src/browser/index.ts');
    expect(Object.keys(browser).sort()).to.deep.equal(Object.keys(node).sort());
  });

  it('understands the shapes of a logging call', async () => {
    const printed = await run(`
      import { getLogger } from 'sonde';
      const log = getLogger('a');
      log.error('failed', new Error('x'), { id: 1 });
      log.error(new Error('x'));
      log.warn({ err: new Error('x'), id: 1 }, 'failed');
      log.info('task %s took %d ms', 'import', 12, { id: 1 });
      log.info(() => ['lazy', { id: 1 }]);
      log.info('100%s', { extra: { id: 1 } });
      log.exception(new Error('x'), 'failed');
      log.event('order_created', { id: 1 });
      log.with({ tenant: 't' }).child({ b: 1 }).critical('down');
      log.log('warning', 'by name');
      const { info } = log;
      info('taken off');
    `);
    expect(printed).to.deep.equal([
      ['error', '%s', '[a] failed', { id: 1 }, 'Error: x'],
      ['error', '%s', '[a] x', 'Error: x'],
      ['warn', '%s', '[a] failed', { id: 1 }, 'Error: x'],
      ['info', '[a] task %s took %d ms', 'import', 12, { id: 1 }],
      ['info', '%s', '[a] lazy', { id: 1 }],
      ['info', '%s', '[a] 100%s', { id: 1 }],
      ['error', '%s', '[a] failed', 'Error: x'],
      ['info', '%s', '[a] order_created', { id: 1 }],
      ['error', '%s', '[a] down', { tenant: 't', b: 1 }],
      ['warn', '%s', '[a] by name'],
      ['info', '%s', '[a] taken off'],
    ]);
  });

  it('has levels by tree, hides secrets by name, and never throws', async () => {
    const printed = await run(`
      import { getLogger, setLevel } from 'sonde';
      setLevel('shop', 'error');
      setLevel('shop.orders', 'debug');
      getLogger('shop.mail').warn('hidden');
      const log = getLogger('shop.orders.new');
      log.debug('shown', { user: { password: 'hunter2', name: 'ada' } });
      log.trace('hidden');
      log.info('bad', { get boom() { throw new Error('boom'); } });
      log.info(() => { throw new Error('boom'); });
      log.level = 'loud';
      log.info(log.level, { on: log.isEnabled('debug'), off: log.isEnabled('trace') });
    `);
    expect(printed).to.deep.equal([
      ['debug', '%s', '[shop.orders.new] shown', { user: { password: '[REDACTED]', name: 'ada' } }],
      ['info', '%s', '[shop.orders.new] debug', { on: true, off: false }],
    ]);
  });

  it('runs what it is given, and what only a server has does nothing', async () => {
    const printed = await run(`
      import * as sonde from 'sonde';
      const running = sonde.init({ service: { name: 'shop' } });
      const results = [
        sonde.withContext({ a: 1 }, () => 1),
        sonde.withSpan('charge', { a: 1 }, (span) => { span.setAttribute('a', 1).end(); return 2; }),
        sonde.runJob('nightly', () => 3),
        sonde.extract({}, () => 4),
        sonde.keepContext(() => 5)(),
        running.status().mode,
        [...running.status().volume.loggers].length,
      ];
      sonde.counter('orders').bind({}).add(1);
      sonde.health.check('db', () => true)();
      sonde.metrics.mount({})();
      void running.shutdown();
      console.info(...results);
    `);
    expect(printed).to.deep.equal([['info', 1, 2, 3, 4, 5, 'off', 0]]);
  });
});
