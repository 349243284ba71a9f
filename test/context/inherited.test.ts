import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const traceparent = `00-${traceId}-${spanId}-03`;
const headers = { traceparent, tracestate: 'a=1', baggage: 'k=v', 'x-correlation-id': 'c-1' };

const nobody = {};
const inUnit = { traceId, spanId, correlationId: 'c-1', attributes: {} };

function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/context/${name}`, import.meta.url));
}

/** Runs a fixture in a process of its own and gives back the JSON it prints. */
async function seen(
  app: string,
  env: NodeJS.ProcessEnv = {},
  preload = ['--require', 'preload.cjs'],
): Promise<any> {
  const [flag, file] = preload as [string, string];
  const { TRACEPARENT: _, NODE_OPTIONS: __, ...rest } = process.env;
  const { stdout } = await run(process.execPath, [flag, fixture(file), fixture(app)], {
    env: { ...rest, TEST_HEADERS: JSON.stringify(headers), ...env },
  });
  return JSON.parse(stdout);
}

describe('a worker thread', function () {
  this.timeout(20_000);

  it('continues the unit of work that starts it, whatever its kind, and the app sees nothing of it (A31)', async () => {
    const { inside, message, nested, outside, evaluated, bare, shape } = await seen('workers.cjs');
    const continued = { ...inUnit, attributes: { 'user.id': 42 } };
    expect(inside).to.deep.equal({
      main: continued,
      awaited: continued,
      timer: continued,
      workerData: { mine: 1 },
    });
    expect(outside).to.deep.equal({ main: nobody, awaited: nobody, timer: nobody });
    expect(evaluated).to.deep.equal(inUnit);
    expect(bare).to.equal('no sonde');
    expect(shape).to.deep.equal([true, 'own', 'Worker', true]);
    expect(message.handler).to.deep.equal(nobody);
    expect(message.extracted.correlationId).to.equal('second');
    expect(message.message).to.deep.equal({ headers: { 'X-Correlation-ID': 'second' } });
    expect(nested.nested.main).to.deep.equal(nobody);
  });

  for (const preload of [
    ['--require', 'preload.cjs'],
    ['--import', 'preload.mjs'],
  ]) {
    it(`continues it in an ES module under ${preload[0]} (A31)`, async () => {
      const { inside } = await seen('workers.mjs', {}, preload);
      expect([inside.main, inside.awaited, inside.timer]).to.deep.equal([inUnit, inUnit, inUnit]);
    });
  }
});

describe('a child process', function () {
  this.timeout(60_000);
  const variables = {
    TRACEPARENT: traceparent,
    TRACESTATE: 'a=1',
    BAGGAGE: 'k=v',
    SONDE_CORRELATION_ID: 'c-1',
  };
  let all: any;

  before(async () => {
    all = await seen('children.cjs');
  });

  for (const way of ['spawn', 'exec', 'execFile', 'spawnSync', 'execFileSync', 'execSync']) {
    it(`continues the unit of work that starts it by ${way} (A31)`, () => {
      expect(all[way].inside).to.deep.equal({ env: variables, stamp: inUnit });
      expect(all[way].copiedEnv).to.deep.equal({ env: variables, stamp: inUnit });
    });

    it(`gets nothing from ${way} outside a unit of work`, () => {
      expect(all[way].outside).to.deep.equal({ env: {}, stamp: nobody });
    });

    it(`keeps what the app set in its environment by ${way}`, () => {
      expect(all[way].ownEnv.env).to.deep.equal({
        TRACEPARENT: 'mine',
        BAGGAGE: 'k=v',
        SONDE_CORRELATION_ID: 'mine',
      });
    });
  }

  it('continues it by fork, and handles later messages for nobody (A29, A31)', () => {
    expect(all.fork.inside).to.deep.equal({ env: variables, stamp: inUnit });
    expect(all.fork.handler).to.deep.equal(nobody);
  });

  it('fails and is called as without Sonde', () => {
    expect(all.failure).to.deep.equal(['ENOENT', 3]);
    expect(all.names).to.deep.equal(['spawnSync', 3, 'execSync']);
  });

  for (const preload of [
    ['--require', 'preload.cjs'],
    ['--import', 'preload.mjs'],
  ]) {
    it(`hands on from an ES module what it was handed itself, under ${preload[0]} (A31)`, async () => {
      const env = { TRACEPARENT: traceparent.replace(spanId, 'c'.repeat(16)), SONDE_CORRELATION_ID: 'c-0' };
      const { main, inside } = await seen('children.mjs', env, preload);
      expect(main).to.deep.equal({ ...inUnit, spanId: 'c'.repeat(16), correlationId: 'c-0' });
      expect(inside).to.deep.equal({ env: variables, stamp: inUnit });
    });
  }

  it('is given nothing with OTEL_PROPAGATORS=none', async () => {
    const { inside } = await seen('children.mjs', { TEST_PROPAGATORS: 'none' });
    expect(inside).to.deep.equal({ env: {}, stamp: nobody });
  });

  it('begins as nobody where the variables are wrong', async () => {
    const env = { TRACEPARENT: 'x', SONDE_CORRELATION_ID: 'not valid', BAGGAGE: ';' };
    expect((await seen('children.mjs', env)).main).to.deep.equal(nobody);
  });
});
