import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import Module, { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { type Armed, arm } from '../../instrumentation/hook.ts';
import { isSelected } from '../../instrumentation/index.ts';
import { diagnostics, type Voice } from '../../src/diagnostics.ts';
import type { Instrumentation, Sensors } from '../../src/instrumentation.ts';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { requirePostgres } from '../support/services.ts';

const root = join(import.meta.dirname, '../..');
const preload = join(root, 'test/support/preload.ts');
const loading = join(root, 'test/fixtures/loading');
const sensors = {} as Sensors;

describe('the dispatcher', () => {
  let folder: string;
  let hooks: Armed | undefined;
  let said: string[];
  let voice: Voice;

  /** A package `name` in `where/node_modules`, whose files are given. */
  function put(where: string, name: string, files: Record<string, string>, manifest: object = {}): void {
    const home = join(folder, where, 'node_modules', name);
    mkdirSync(home, { recursive: true });
    writeFileSync(
      join(home, 'package.json'),
      JSON.stringify({ name, version: '1.2.3', main: 'index.js', ...manifest }),
    );
    for (const [file, text] of Object.entries(files)) writeFileSync(join(home, file), text);
  }

  const requireIn = (where: string) => createRequire(join(folder, where, 'app.js'));

  async function importIn(where: string, text: string): Promise<any> {
    const file = join(folder, where, `app-${Math.random()}.mjs`);
    writeFileSync(file, text);
    return import(pathToFileURL(file).href);
  }

  /** Marks the prototype of the exported `Thing`. */
  function marker(name: string, modules: readonly string[] = [name]): Instrumentation & { count: number } {
    const self = {
      name,
      modules,
      count: 0,
      patch(exports: any) {
        self.count += 1;
        exports.Thing.prototype.marked = true;
      },
      disable() {},
    };
    return self;
  }

  const thing = 'exports.Thing = class Thing {};';

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sonde-hook-')));
    said = [];
    voice = diagnostics.speakThrough((_level, message) => void said.push(message));
  });

  afterEach(() => {
    hooks?.disarm();
    hooks = undefined;
    diagnostics.speakThrough(voice);
    rmSync(folder, { recursive: true });
  });

  it('patches a package when CommonJS requires it, once, and tells its version and file', () => {
    put('.', 'hook-a', { 'index.js': thing });
    const plug = marker('hook-a');
    hooks = arm([plug], sensors);
    expect(plug.count).to.equal(0);
    const { Thing } = requireIn('.')('hook-a');
    requireIn('.')('hook-a');
    expect(new Thing().marked).to.equal(true);
    expect(plug.count).to.equal(1);
    const path = join(folder, 'node_modules/hook-a/index.js');
    expect(hooks.report()).to.deep.equal({
      armed: ['hook-a'],
      patched: [{ name: 'hook-a', specifier: 'hook-a', version: '1.2.3', path }],
      missed: [],
    });
  });

  it('patches each copy of a package once', () => {
    put('.', 'hook-b', { 'index.js': thing });
    put('nested', 'hook-b', { 'index.js': thing }, { version: '2.0.0' });
    const plug = marker('hook-b');
    hooks = arm([plug], sensors);
    for (const where of ['.', 'nested', '.', 'nested']) {
      expect(new (requireIn(where)('hook-b').Thing)().marked).to.equal(true);
    }
    expect(plug.count).to.equal(2);
    expect(hooks.report().patched.map(({ version }) => version)).to.deep.equal(['1.2.3', '2.0.0']);
  });

  it('patches for named, default and dynamic imports of an ES module', async () => {
    for (const [at, text] of [
      "import { Thing } from 'NAME'; export const marked = new Thing().marked;",
      "import all from 'NAME'; export const marked = new all.Thing().marked;",
      "const { Thing } = await import('NAME'); export const marked = new Thing().marked;",
      "import { createRequire } from 'node:module'; const { Thing } = createRequire(import.meta.url)('NAME'); export const marked = new Thing().marked;",
    ].entries()) {
      const name = `hook-esm-${at}`;
      put('.', name, { 'index.js': thing });
      hooks = arm([marker(name)], sensors);
      const { marked } = await importIn('.', text.replaceAll('NAME', name));
      expect(marked, text).to.equal(true);
      hooks.disarm();
    }
  });

  it('patches a package whose ES module wraps its CommonJS build', async () => {
    const exports = { import: './index.mjs', require: './index.js' };
    const wrapper = "import all from './index.js'; export const Thing = all.Thing;";
    put('.', 'hook-wrapped', { 'index.js': thing, 'index.mjs': wrapper }, { exports });
    hooks = arm([marker('hook-wrapped')], sensors);
    const { marked } = await importIn(
      '.',
      "import { Thing } from 'hook-wrapped'; export const marked = new Thing().marked;",
    );
    expect(marked).to.equal(true);
  });

  it('patches a package that is an ES module before anyone who imports it runs', async () => {
    const esm = {
      'index.js': "export { Thing } from './thing.js'; globalThis.order.push('esm-lib');",
      'thing.js': 'export class Thing {}',
    };
    put('.', 'esm-lib', esm, { type: 'module' });
    put('.', 'other-lib', { 'index.js': "globalThis.order.push('other-lib');" }, { type: 'module' });
    const instrumentation = Object.assign(marker('esm-lib'), { takesNamespaces: true });
    (globalThis as any).order = [];
    hooks = arm([instrumentation], sensors);
    const app =
      "import 'other-lib'; import { Thing } from 'esm-lib'; export const seen = new Thing().marked;";
    expect((await importIn('.', app)).seen).to.equal(true);
    expect(requireIn('.')('esm-lib').Thing.prototype.marked).to.equal(true);
    expect(instrumentation.count).to.equal(1);
    expect((globalThis as any).order).to.deep.equal(['other-lib', 'esm-lib']);
    expect(hooks.report().patched).to.deep.equal([
      {
        name: 'esm-lib',
        specifier: 'esm-lib',
        version: '1.2.3',
        path: join(folder, 'node_modules/esm-lib/index.js'),
      },
    ]);
  });

  it('patches an entry of a package that is not its main file', async () => {
    put('.', 'lib', { 'index.js': thing, 'promise.js': thing });
    const instrumentation = marker('lib', ['lib/promise.js']);
    hooks = arm([instrumentation], sensors);
    const text = "import promise from 'lib/promise.js'; export const seen = new promise.Thing().marked;";
    expect((await importIn('.', text)).seen).to.equal(true);
    expect(new (requireIn('.')('lib').Thing)().marked).to.equal(undefined);
  });

  it('patches a workspace package that ES modules import by its link', async () => {
    const home = join(folder, 'packages/linked');
    mkdirSync(home, { recursive: true });
    mkdirSync(join(folder, 'node_modules'));
    writeFileSync(
      join(home, 'package.json'),
      JSON.stringify({ name: 'hook-linked', version: '3.0.0', main: 'index.js' }),
    );
    writeFileSync(join(home, 'index.js'), thing);
    const { symlinkSync } = await import('node:fs');
    symlinkSync(home, join(folder, 'node_modules/hook-linked'));
    hooks = arm([marker('hook-linked')], sensors);
    const { marked } = await importIn(
      '.',
      "import { Thing } from 'hook-linked'; export const marked = new Thing().marked;",
    );
    expect(marked).to.equal(true);
    expect(hooks.report().patched[0]?.version).to.equal('3.0.0');
  });

  it('does not run a package before its turn', async () => {
    put('.', 'hook-order', { 'index.js': `globalThis.hookOrder.push('package'); ${thing}` });
    const holder = globalThis as { hookOrder?: string[] };
    holder.hookOrder = [];
    hooks = arm([marker('hook-order')], sensors);
    await importIn(
      '.',
      "import 'data:text/javascript,globalThis.hookOrder.push(\"first\")'; import 'hook-order';",
    );
    expect(holder.hookOrder).to.deep.equal(['first', 'package']);
    delete holder.hookOrder;
  });

  it('waits for the end of an import cycle', () => {
    put('.', 'hook-cycle', {
      'index.js': `require('./helper.js'); ${thing}`,
      'helper.js': "require('hook-cycle');",
    });
    const plug = marker('hook-cycle');
    hooks = arm([plug], sensors);
    expect(new (requireIn('.')('hook-cycle').Thing)().marked).to.equal(true);
    expect(plug.count).to.equal(1);
    expect(said).to.deep.equal([]);
  });

  it('patches in place what was loaded before', () => {
    put('.', 'hook-early', { 'index.js': thing });
    const { Thing } = requireIn('.')('hook-early');
    hooks = arm([marker('hook-early')], sensors);
    expect(new Thing().marked).to.equal(true);
  });

  it('names what was loaded before and cannot be patched', () => {
    put('.', 'hook-odd', { 'index.js': 'exports.nothing = 1;' });
    requireIn('.')('hook-odd');
    hooks = arm([marker('hook-odd')], sensors);
    const path = join(folder, 'node_modules/hook-odd/index.js');
    expect(hooks.report().missed[0]).to.include({ name: 'hook-odd', path });
    expect(said.join('\n')).to.include(`hook-odd (${path}) was loaded before Sonde`);
  });

  it('lets no fault of one instrumentation reach the app or another one', () => {
    put('.', 'hook-fault', { 'index.js': thing });
    const faulty: Instrumentation = {
      name: 'faulty',
      modules: ['hook-fault'],
      patch() {
        throw new Error('broken plug');
      },
      disable() {
        throw new Error('still broken');
      },
    };
    hooks = arm([faulty, marker('hook-fault')], sensors);
    expect(new (requireIn('.')('hook-fault').Thing)().marked).to.equal(true);
    expect(hooks.report().missed).to.have.length(1);
    expect(said[0]).to.include('broken plug');
    hooks.disarm();
  });

  it('leaves a package that throws as it is', () => {
    put('.', 'hook-throws', { 'index.js': "throw new Error('mine');" });
    hooks = arm([marker('hook-throws')], sensors);
    expect(() => requireIn('.')('hook-throws')).to.throw('mine');
    expect(said).to.deep.equal([]);
  });

  it('knows a built-in by both of its names and however it is asked for', async () => {
    const plug: Instrumentation = {
      name: 'url',
      modules: ['node:url'],
      patch: () => void seen.push('url'),
      disable() {},
    };
    const seen: string[] = [];
    hooks = arm([plug], sensors);
    requireIn('.')('url');
    requireIn('.')('node:url');
    process.getBuiltinModule('url');
    await importIn('.', "import 'url';");
    expect(seen).to.deep.equal(['url']);
    expect(hooks.report().patched[0]?.version).to.equal(process.versions.node);
  });

  it('replaces nothing of the module system and leaves nothing when disarmed', () => {
    const before = [process.getBuiltinModule, Module.prototype.require];
    hooks = arm([marker('hook-none')], sensors);
    expect(Module.prototype.require).to.equal(before[1]);
    hooks.disarm();
    expect([process.getBuiltinModule, Module.prototype.require]).to.deep.equal(before);
    put('.', 'hook-none', { 'index.js': thing });
    expect(new (requireIn('.')('hook-none').Thing)().marked).to.equal(undefined);
  });

  describe('in a process of its own', () => {
    async function run(args: string[], node?: string): Promise<Record<string, any>> {
      const ended = await runNode(args, { cwd: root, node });
      expect(ended.code, ended.stderr).to.equal(0);
      expect(ended.stderr).to.equal('');
      return ended.lines.at(-1)!;
    }

    it('loads neither pg nor node:sqlite by itself, and warns of nothing', async () => {
      expect(await run(['--import', preload, join(loading, 'unrelated.cjs')])).to.deep.equal({
        spans: [],
        patched: [],
        missed: [],
        said: [],
      });
    });

    const apps = ['telemetry-first.mjs', 'telemetry-last.mjs', 'telemetry-last.cjs'];
    for (const { name, path } of nodeVersions()) {
      it(`traces pg and node:sqlite in ${apps.join(', ')} on Node ${name}`, async function () {
        await requirePostgres(this);
        for (const app of apps) {
          const seen = await run(['--no-warnings', '--experimental-strip-types', join(loading, app)], path);
          const names = seen.spans.map((span: { name: string }) => span.name);
          expect(names, app).to.deep.equal(['SELECT sqlite_schema', 'SELECT pg_class']);
          expect([...seen.missed, ...seen.said], app).to.deep.equal([]);
        }
      }).timeout(60_000);
    }
  });
});

describe('the selection of instrumentations', () => {
  it('takes all, only the enabled, and never the disabled', () => {
    expect(isSelected('pg', { disabled: [] })).to.equal(true);
    expect(isSelected('pg', { enabled: ['sqlite'], disabled: [] })).to.equal(false);
    expect(isSelected('pg', { enabled: ['pg'], disabled: ['pg'] })).to.equal(false);
  });

  it('means both sides by http', () => {
    expect(isSelected('http-client', { disabled: ['http'] })).to.equal(false);
    expect(isSelected('http-client', { enabled: ['http'], disabled: [] })).to.equal(true);
    expect(isSelected('http-client', { enabled: ['http'], disabled: ['http-client'] })).to.equal(false);
  });
});
