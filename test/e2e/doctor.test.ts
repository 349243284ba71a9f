/** `sonde doctor` names each common mistake, seeded in a small app, and the line to type (A69). */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { type BuildOptions, buildSync } from 'esbuild';
import { type Ended, runNode } from '../support/child.ts';
import { appFolder } from '../support/tarball.ts';

interface Finding {
  readonly examination: string;
  readonly what: string;
  readonly why: string;
  readonly line: string;
}

/** Ends by itself, which is when the doctor looks. */
const sound = `
const { getLogger, withSpan } = require('sonde');
withSpan('order', () => getLogger('shop.orders').info('created', { orderId: 7 }));
`;
const preloaded = ['node', '--require', 'sonde/register', 'app.cjs'];

interface Mistake {
  readonly name: string;
  readonly app?: string;
  readonly packages?: readonly string[];
  readonly command?: readonly string[];
  readonly env?: Record<string, string>;
  /** Prepares the app's folder. */
  readonly seed?: (folder: string) => void;
  readonly examination: string;
  readonly what: RegExp;
  readonly line: RegExp;
}

const mistakes: readonly Mistake[] = [
  {
    name: 'Sonde is not loaded',
    command: ['node', 'app.cjs'],
    app: 'console.log("alone")',
    examination: 'Loading',
    what: /^Sonde is not loaded$/,
    line: /^node --require sonde\/register app\.js$/,
  },
  {
    name: 'Sonde is switched off',
    env: { OTEL_SDK_DISABLED: 'true' },
    examination: 'Loading',
    what: /^Sonde is off$/,
    line: /^unset OTEL_SDK_DISABLED$/,
  },
  {
    name: 'raw headers are logged',
    app: `${sound} getLogger('shop.http').info('in', { req: { headers: { authorization: 'Bearer abc', accept: '*' } } });`,
    examination: 'Dumps',
    what: /^Logger shop\.http writes `req\.headers` whole$/,
    line: /content-type/,
  },
  {
    name: 'raw bodies are logged',
    app: `${sound} getLogger('shop.http').info('in', { body: { card: 1 } });`,
    examination: 'Dumps',
    what: /^Logger shop\.http writes `body` whole$/,
    line: /log\.info/,
  },
  {
    name: 'a check is slow',
    app: `${sound} require('sonde').health.check('db', () => new Promise((done) => setTimeout(done, 200, true)));`,
    examination: 'Checks and pools',
    what: /^Health check db takes \d+ ms$/,
    line: /cacheMs/,
  },
  {
    name: 'a configured logger is silent',
    env: { SONDE_LOG_LEVEL: 'info,shop.order=debug' },
    examination: 'Loggers',
    what: /^Logger shop\.order is configured, and no record of it came$/,
    line: /getLogger/,
  },
  {
    name: 'spans are sampled out',
    env: { OTEL_TRACES_SAMPLER: 'always_off' },
    examination: 'Signals',
    what: /^A span does not leave the app$/,
    line: /OTEL_TRACES_SAMPLER/,
  },
  {
    name: 'a variable is misspelt',
    env: { SONDE_LOG_LEVL: 'debug' },
    examination: 'Settings',
    what: /SONDE_LOG_LEVL.*SONDE_LOG_LEVEL/,
    line: /export SONDE_LOG_LEVEL=/,
  },
  {
    name: 'two versions of the API',
    seed(folder) {
      const nested = join(folder, 'node_modules/shop-lib/node_modules/@opentelemetry/api');
      mkdirSync(nested, { recursive: true });
      writeFileSync(join(nested, 'package.json'), '{ "name": "@opentelemetry/api", "version": "1.4.0" }');
    },
    examination: 'Packages',
    what: /1\.4\.0/,
    line: /^npm dedupe$/,
  },
  {
    name: 'a newer API deep in the tree',
    seed(folder) {
      const nested = join(
        folder,
        'node_modules/@shop/lib/node_modules/inner/node_modules/@opentelemetry/api',
      );
      mkdirSync(nested, { recursive: true });
      writeFileSync(join(nested, 'package.json'), '{ "name": "@opentelemetry/api", "version": "1.99.0" }');
    },
    examination: 'Packages',
    what: /1\.99\.0/,
    line: /^npm dedupe$/,
  },
  {
    name: 'Sonde is loaded late',
    packages: ['pg'],
    command: ['node', 'app.cjs'],
    app: `require('pg'); require('sonde/register'); ${sound}`,
    examination: 'Loading',
    what: /^Sonde is loaded late, after pg/,
    line: /^node --require sonde\/register app\.js$/,
  },
  {
    name: 'Sonde is loaded twice',
    seed(folder) {
      const modules = join(folder, 'node_modules');
      cpSync(join(modules, 'sonde'), join(modules, 'shop-lib/node_modules/sonde'), { recursive: true });
    },
    app: `${sound} require('./node_modules/shop-lib/node_modules/sonde').init();`,
    examination: 'Packages',
    what: /^sonde is there 2 times/,
    line: /^npm dedupe$/,
  },
  {
    name: 'another SDK is first in the process',
    packages: ['@opentelemetry/sdk-node'],
    command: ['node', 'app.cjs'],
    app: `
const { NodeSDK } = require('@opentelemetry/sdk-node');
new NodeSDK({ spanProcessors: [], metricReaders: [], logRecordProcessors: [], autoDetectResources: false }).start();
require('sonde/register');
${sound}`,
    examination: 'Loading',
    what: /SDK|guest/,
    line: /sdk-node|--require sonde\/register/,
  },
  {
    name: 'a pool loses the context',
    packages: ['pg'],
    app: `${sound}
const { Pool } = require('pg');
const pool = new Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres', allowExitOnIdle: true });
const waiting = [];
const query = pool.query.bind(pool);
pool.query = (...args) => void waiting.push(args);
setInterval(() => { for (const args of waiting.splice(0)) query(...args); }, 20).unref();
query('SELECT 1').then(() => setTimeout(() => undefined, 6_000));`,
    examination: 'Checks and pools',
    what: /^Callbacks of pg lose their context$/,
    line: /keepContext/,
  },
  ...[false, true].map(
    (minify): Mistake => ({
      name: `a library is inside the bundle${minify ? ', minified' : ''}`,
      packages: ['express'],
      seed(folder) {
        writeFileSync(join(folder, 'package.json'), '{ "name": "shop", "dependencies": { "express": "5" } }');
        writeFileSync(join(folder, 'source.cjs'), `require('express')(); ${sound}`);
        const [entryPoints, outfile] = [[join(folder, 'source.cjs')], join(folder, 'app.cjs')];
        const options: BuildOptions = {
          bundle: true,
          platform: 'node',
          logLevel: 'silent',
          external: ['sonde'],
        };
        buildSync({ ...options, minify, entryPoints, outfile, allowOverwrite: true });
      },
      examination: 'Bundle',
      what: /^Inside the bundle: express$/,
      line: /--external:express$/,
    }),
  ),
  {
    name: 'another SDK is installed',
    seed(folder) {
      mkdirSync(join(folder, 'node_modules/dd-trace'));
      writeFileSync(join(folder, 'node_modules/dd-trace/package.json'), '{ "version": "5.0.0" }');
    },
    examination: 'Packages',
    what: /^dd-trace is installed/,
    line: /^npm uninstall dd-trace$/,
  },
];

describe('sonde doctor (A69)', function () {
  this.timeout(60_000);
  let answer = { status: 200, date: '' };
  const server = http.createServer((request, response) => {
    request.resume();
    if (answer.date !== '') response.setHeader('date', answer.date);
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end('{}');
  });
  let endpoint: string;

  before((done) => {
    server.listen(0, '127.0.0.1', () => {
      endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      done();
    });
  });
  beforeEach(() => {
    answer = { status: 200, date: '' };
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  function folderOf(app = sound, packages: readonly string[] = []): string {
    const folder = appFolder(packages);
    writeFileSync(join(folder, 'package.json'), '{ "name": "shop", "version": "1.0.0" }');
    writeFileSync(join(folder, 'app.cjs'), app);
    return folder;
  }

  function doctor(folder: string, args: readonly string[], env: Record<string, string> = {}): Promise<Ended> {
    const bin = join(folder, 'node_modules/sonde/dist/doctor.cjs');
    const named = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...env };
    return runNode([bin, 'doctor', ...args], { cwd: folder, env: named });
  }

  function findingsIn(ended: Ended): Finding[] {
    expect(ended.code, ended.stderr).to.be.oneOf([0, 1]);
    return ended.lines[0]!.findings;
  }

  it('finds nothing in a sound app, and says what it saw', async () => {
    const ended = await doctor(folderOf(), ['--', ...preloaded]);
    expect(ended.stdout).to.match(/Nothing is wrong\.\n$/);
    expect(ended.code).to.equal(0);
    expect(ended.stdout).to.contain('heard: ').and.to.contain('shop.orders').and.to.contain('received: ');
  });

  for (const { name, app, packages, command = preloaded, env, seed, examination, what, line } of mistakes) {
    it(`names the mistake: ${name}`, async () => {
      const folder = folderOf(app, packages);
      seed?.(folder);
      const ended = await doctor(folder, ['--json', '--', ...command], env);
      expect(ended.code, ended.stderr).to.equal(1);
      const found = findingsIn(ended).filter((finding) => finding.examination === examination);
      const [finding] = found.filter((each) => what.test(each.what));
      expect(finding, JSON.stringify(findingsIn(ended))).to.not.equal(undefined);
      expect(finding!.line).to.match(line);
      expect(finding!.why).to.not.equal('');
    });
  }

  it('names the step at which an endpoint fails', async () => {
    const rows = [
      ['http://127.0.0.1:1', /TCP failed: ECONNREFUSED/],
      ['http://collector.invalid:4318', /DNS failed/],
      [endpoint.replace('http:', 'https:'), /TLS failed/],
    ] as const;
    for (const [url, why] of rows) {
      const ended = await doctor(folderOf(), ['--json'], { OTEL_EXPORTER_OTLP_ENDPOINT: url });
      const found = findingsIn(ended).filter(({ examination }) => examination === 'Endpoints');
      expect(found).to.have.length(3);
      for (const finding of found) expect(finding.why).to.match(why);
      expect(ended.code).to.equal(1);
    }
  });

  it('names a refusal, and a clock that is wrong', async () => {
    answer = { status: 401, date: 'Sat, 21 Nov 2020 10:00:00 GMT' };
    const found = findingsIn(await doctor(folderOf(), ['--json']));
    expect(found.filter(({ what }) => /are refused by/.test(what))).to.have.length(3);
    expect(
      found.filter(({ what }) => /^The clock is \d+ s ahead of that of 127\.0\.0\.1$/.test(what)),
    ).to.have.length(3);
  });

  it('asks a gRPC endpoint with an empty request, and tells its answer', async () => {
    const asked: string[] = [];
    let code = '16';
    const grpc = http2.createServer();
    grpc.on('stream', (stream, headers) => {
      asked.push(`${headers[':path']}`);
      stream.resume();
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code }));
      stream.end();
    });
    await new Promise<void>((done) => grpc.listen(0, '127.0.0.1', done));
    try {
      const { port } = grpc.address() as AddressInfo;
      const env = {
        OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      };
      const folder = folderOf();
      const refused = findingsIn(await doctor(folder, ['--json'], env));
      expect(refused.filter(({ what }) => /are refused by/.test(what))).to.have.length(3);
      expect(asked.sort().map((path) => path.split('.').at(-1))).to.deep.equal([
        'LogsService/Export',
        'MetricsService/Export',
        'TraceService/Export',
      ]);
      code = '0';
      const taken = await doctor(folder, ['--json'], env);
      expect([taken.code, findingsIn(taken)]).to.deep.equal([0, []]);
      const plain = await doctor(folder, ['--json'], { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint });
      for (const { why } of findingsIn(plain)) expect(why).to.match(/gRPC failed/);
      expect(plain.code).to.equal(1);
    } finally {
      grpc.close();
    }
  });

  it('looks at a server that does not end, stops it by SIGTERM, and leaves its exit to it', async () => {
    const app = `${sound}
require('node:http').createServer().listen(0);
process.once('SIGTERM', () => { require('node:fs').writeFileSync('ended', 'by itself'); process.exit(3); });`;
    const folder = folderOf(app);
    const ended = await doctor(folder, ['--', ...preloaded]);
    expect(ended.stdout).to.match(/received: [1-9]\d* spans[\s\S]*Nothing is wrong\.\n$/);
    expect(readFileSync(join(folder, 'ended'), 'utf8')).to.equal('by itself');
  });

  it('takes nothing for bundled that another file of the app loads', async () => {
    const folder = folderOf(`${sound} require('./routes.cjs');`, ['express']);
    writeFileSync(join(folder, 'package.json'), '{ "name": "shop", "dependencies": { "express": "5" } }');
    writeFileSync(join(folder, 'routes.cjs'), "require('express')();");
    const ended = await doctor(folder, ['--', ...preloaded]);
    expect(ended.stdout).to.match(/patched: .*express[\s\S]*inside: none[\s\S]*Nothing is wrong\.\n$/);
  });

  it('finds nothing wrong in an app that ends by process.exit()', async () => {
    const ended = await doctor(folderOf(`${sound} process.exit(0);`), ['--', ...preloaded]);
    expect(ended.stdout).to.match(/Nothing is wrong\.\n$/);
    expect(ended.code).to.equal(0);
  });

  it('shows settings with their sources and without secrets', async () => {
    const env = {
      OTEL_EXPORTER_OTLP_HEADERS: 'api-key=hunter2',
      SONDE_LOG_LEVEL: 'debug',
      SONDE_SAMPLING_RULES: 'route=/poll drop;0.1',
    };
    const { stdout } = await doctor(folderOf(), [], env);
    expect(stdout).to.contain('logs.level = debug (env SONDE_LOG_LEVEL)').and.to.not.contain('hunter2');
    expect(stdout)
      .to.contain('traces.sampler = sonde_rules (env SONDE_SAMPLING_RULES)')
      .and.to.contain('traces.rules = route=/poll drop, 0.1 (env SONDE_SAMPLING_RULES)');
  });

  it('exits with 2 where it could not run', async () => {
    const wrong = await runNode([join(folderOf(), 'node_modules/sonde/dist/doctor.cjs'), 'cure']);
    expect([wrong.code, wrong.stderr]).to.deep.equal([
      2,
      'sonde: Usage: sonde doctor [--json] [-- node app.js]\n',
    ]);
    const missing = await doctor(folderOf(), ['--', './no-such-command']);
    expect(missing.code).to.equal(2);
    expect(missing.stderr).to.contain('ENOENT');
  });
});
