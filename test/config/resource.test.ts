import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os, { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { Config } from '../../src/config/config.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { resourceAttributes } from '../../src/config/resource.ts';
import { runNode } from '../support/child.ts';

const root = join(import.meta.dirname, '../..');

function versionOf(path: string): string {
  return JSON.parse(readFileSync(join(root, path), 'utf8')).version;
}

describe('resource', () => {
  it('tells service, process, host and SDK', () => {
    const { config } = resolveConfig({ service: { name: 'shop', version: '2' } }, {});
    const found = resourceAttributes(config);
    expect(found).to.deep.include({
      'service.name': 'shop',
      'service.version': '2',
      'process.pid': process.pid,
      'process.runtime.name': 'nodejs',
      'process.runtime.version': process.versions.node,
      'process.executable.name': 'node',
      'host.name': os.hostname(),
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.language': 'nodejs',
      'telemetry.distro.name': 'sonde',
    });
    expect(found['host.arch']).to.be.oneOf(['amd64', 'arm64', 'arm32', 'x86', 'ppc32', 'ppc64', 's390x']);
    expect(found['os.type']).to.be.oneOf(['linux', 'darwin', 'windows', 'freebsd']);
    expect(found['service.instance.id']).to.equal(config.service.instanceId);
  });

  it('names the versions that are installed', () => {
    const found = resourceAttributes(resolveConfig({}, {}).config);
    expect(found['telemetry.sdk.version']).to.equal(
      versionOf('node_modules/@opentelemetry/sdk-trace/package.json'),
    );
    expect(found['telemetry.distro.version']).to.equal(versionOf('package.json'));
  });

  it('tells nothing of the command line, its owner or paths', () => {
    const found = Object.keys(resourceAttributes(resolveConfig({}, {}).config));
    const untold = ['process.command', 'process.command_line', 'process.command_args', 'process.owner'];
    expect(found).to.not.include.members([...untold, 'process.executable.path']);
    for (const name of [...untold, 'process.executable.path']) expect(found).to.not.include(name);
  });

  it('lets what somebody names go over what was found, and adds a deployment only then', () => {
    const env = {
      OTEL_RESOURCE_ATTRIBUTES: 'host.name=h,deployment.environment.name=staging',
      NODE_ENV: 'production',
    };
    expect(resourceAttributes(resolveConfig({}, env).config)).to.include({
      'host.name': 'h',
      'deployment.environment.name': 'staging',
    });
    const bare = resourceAttributes(resolveConfig({}, { NODE_ENV: 'production' }).config);
    expect(bare).to.not.have.property('deployment.environment.name');
  });

  it('prefers OTEL_SERVICE_NAME to service.name of OTEL_RESOURCE_ATTRIBUTES, and that to the package', () => {
    const named = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=attribute' };
    const name = (env: Record<string, string>): string => resolveConfig({}, env).config.service.name;
    expect(name(named)).to.equal('attribute');
    expect(name({ ...named, OTEL_SERVICE_NAME: 'own' })).to.equal('own');
  });
});

describe('name of the app', () => {
  let folder: string;
  let preload: string;

  before(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sonde-app-')));
    write('cwd/package.json', '{ "name": "cwd" }');
    write('shop/package.json', '{ "name": "@acme/shop", "version": "1.2.3" }');
    write('shop/dist/package.json', '{ "type": "commonjs" }');
    write('shop/dist/app.js', '');
    write('shop/spawn.js', 'new (require("node:worker_threads").Worker)(process.env.WORKER);');
    write('pool/package.json', '{ "name": "pool" }');
    write('pool/worker.js', '');
    write('bare/app.js', '');
    symlinkSync(join(folder, 'shop/dist/app.js'), join(folder, 'cwd/link.js'));
    preload = write(
      'preload.mjs',
      [
        `import { resolveConfig, sourceOf } from ${JSON.stringify(join(root, 'src/config/resolve.ts'))};`,
        `import { handDownMainScript } from ${JSON.stringify(join(root, 'src/config/main-script.ts'))};`,
        "handDownMainScript(process.getBuiltinModule('node:worker_threads'));",
        'const { config } = resolveConfig();',
        'const source = sourceOf(config, "service.name");',
        'console.log(JSON.stringify({ ...config.service, source }));',
      ].join('\n'),
    );
  });

  after(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string): string {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  type Service = Config['service'] & { source: string };

  async function services(args: string[], env: Record<string, string> = {}): Promise<Service[]> {
    const run = await runNode(['--import', preload, ...args], { cwd: join(folder, 'cwd'), env });
    expect(run.stderr).to.equal('');
    return run.lines as Service[];
  }

  it('comes with its version from the package of the main script, past a nameless one', async () => {
    const [service] = await services([join(folder, 'shop/dist/app')]);
    expect(service).to.include({ name: '@acme/shop', version: '1.2.3' });
    expect(service!.source).to.equal(`package.json ${join(folder, 'shop/package.json')}`);
  });

  it('comes from where a link leads, and from a folder given as the script', async () => {
    expect((await services(['link.js']))[0]!.name).to.equal('@acme/shop');
    write('shop/index.js', '');
    expect((await services([join(folder, 'shop')]))[0]!.name).to.equal('@acme/shop');
  });

  it('is the same in a worker thread of another package, with an instance id of its own', async () => {
    const found = await services([join(folder, 'shop/spawn.js')], { WORKER: join(folder, 'pool/worker.js') });
    expect(found.map(({ name }) => name)).to.deep.equal(['@acme/shop', '@acme/shop']);
    expect(found[0]!.instanceId).to.not.equal(found[1]!.instanceId);
  });

  it('is unknown for code on the command line and for a script without a package, never that of cwd', async () => {
    for (const args of [['-e', '0', 'shop/app.js'], ['-p', '0'], [join(folder, 'bare/app.js')]]) {
      const [service] = await services(args);
      expect(service).to.include({ name: 'unknown_service:node', source: 'default' });
      expect(service).to.not.have.property('version');
    }
  });

  it('comes from the script that pm2 was asked to run', async () => {
    const container = write('pm2/ProcessContainerFork.js', '');
    write('pm2/package.json', '{ "name": "pm2" }');
    const [service] = await services([container], { pm_exec_path: join(folder, 'shop/dist/app.js') });
    expect(service!.name).to.equal('@acme/shop');
  });
});
