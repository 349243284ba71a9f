/** The published types: no private package behind them, and a strict consumer compiles against them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { appFolder, packedSonde } from '../support/tarball.ts';

const root = join(import.meta.dirname, '../..');
const specifier = /(?:\bfrom |\bimport\(|\bimport |\brequire\()\s*['"]([^'"]+)['"]/g;
const allowed = /^(?:\.{1,2}\/|node:|@opentelemetry\/api$)/;

function declarations(): string[] {
  const folder = join(packedSonde(), 'dist');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.d\.[cm]?ts$/.test(name))
    .map((name) => join(folder, name));
}

/** Doc comments show imports in their examples; those are not there. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/(?!\/).*$/gm, '');
}

const consumer = `
import { SpanKind, trace, type Context } from '@opentelemetry/api';
import {
  addContext, correlationId, counter, currentSpan, defineConfig, getLogger, init, SondeError, withContext, withSpan,
  type Attributes, type Config, type InitOptions, type Level, type Logger, type Sonde, type Status,
} from 'sonde';
import { captureLogs } from 'sonde/testing';
import 'sonde/register';

const sampler = {
  shouldSample: (_context: Context, _traceId: string, _name: string, kind: SpanKind) =>
    ({ decision: kind === SpanKind.SERVER ? 2 : 0 }),
  toString: () => 'servers only',
};
const processor = {
  onStart() {}, onEnd() {}, forceFlush: async () => {}, shutdown: async () => {},
};
const options: InitOptions = {
  service: { name: 'shop', version: '1.2.3' },
  logs: { level: 'info,shop.orders=debug', format: 'json' },
  sdk: { sampler, spanProcessors: [processor], metricReaders: [], views: [], instrumentations: [] },
};
const sonde: Sonde = init(options);
const log: Logger = getLogger('shop.orders');
const level: Level = 'debug';
log.level = level;
log.info('order created', { orderId: 1042 });
log.error(new Error('no stock'), 'order failed', { orderId: 1042 });
log.with({ tenant: 'blue' }).debug(() => ({ heavy: true }));
const attributes: Attributes = { 'user.id': 'ada' };
const answer: number = withContext(attributes, () => 42);
const charged: Promise<string> = withSpan('charge card', async () => currentSpan()?.spanContext().traceId ?? '');
addContext({ 'org.slug': 'acme' });
const id: string | undefined = correlationId();
counter('orders').add(1, { currency: 'eur' });
const status: Status = sonde.status();
const config: Partial<Config> | object = defineConfig({ service: { name: 'shop' } });
const captured = captureLogs('shop', 'info', () => log.info('seen'));
trace.getTracer('shop').startSpan('work').end();
export const all: unknown[] = [answer, charged, id, status, config, captured, SondeError];

// @ts-expect-error a types that became \`any\` would take this
init({ service: { name: 5 } });
// @ts-expect-error so would this
log.level = 'loud';
// @ts-expect-error and this
sonde.status().mode = 'asleep';
export async function end(): Promise<void> {
  await sonde.forceFlush({ timeoutMillis: 100 });
  await sonde[Symbol.asyncDispose]();
}
`;

const settings: readonly [string, string, string[]][] = [
  ['nodenext, ES module', 'consumer.mts', ['--module', 'nodenext']],
  ['nodenext, CommonJS', 'consumer.cts', ['--module', 'nodenext']],
  ['node16, ES module', 'consumer.mts', ['--module', 'node16']],
  ['node16, CommonJS', 'consumer.cts', ['--module', 'node16']],
  ['bundler', 'consumer.ts', ['--module', 'esnext', '--moduleResolution', 'bundler']],
];

describe('the published declarations', function () {
  this.timeout(60_000);

  it('import nothing but each other, the API and node:*', () => {
    const files = declarations();
    expect(files).to.have.length.greaterThan(5);
    const foreign = files.flatMap((file) => {
      const text = withoutComments(readFileSync(file, 'utf8'));
      const found = [...text.matchAll(specifier)].map((match) => match[1]!);
      return (
        found
          // Who asks for the types of a framework's requests has the framework.
          .filter((name) => !allowed.test(name) && !file.endsWith(`requests/${name}.d.ts`))
          .map((name) => `${relative(packedSonde(), file)}: ${name}`)
      );
    });
    expect(foreign).to.deep.equal([]);
  });

  it('type what is lent to the requests of frameworks, on demand (A35)', () => {
    const folder = appFolder(['@types/node', 'undici-types', 'hono', 'fastify']);
    writeFileSync(
      join(folder, 'app.mts'),
      `import type { FastifyRequest } from 'fastify';
       import type { Context } from 'hono';
       import type { Logger } from 'sonde';
       import type {} from 'sonde/express';
       import type {} from 'sonde/fastify';
       import type {} from 'sonde/hono';
       export function lent(express: Express.Request, fastify: FastifyRequest, hono: Context): (string | undefined)[] {
         const logs: Logger[] = [express.log, hono.get('log')];
         logs[0]?.info('typed');
         return [express.correlationId, fastify.correlationId, hono.var.correlationId];
       }
       // @ts-expect-error a type that became \`any\` would take this
       export const wrong = (hono: Context): number => hono.get('correlationId');
      `,
    );
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2022'];
    const args = [...flags, '--types', 'node', '--ignoreConfig', 'app.mts'];
    try {
      execFileSync(join(root, 'node_modules/.bin/tsc'), args, { cwd: folder, encoding: 'utf8' });
    } catch (error) {
      throw new Error(String((error as { stdout?: string }).stdout ?? error));
    }
  });

  for (const [name, file, flags] of settings) {
    it(`serve a consumer that checks libraries, too (${name})`, () => {
      const folder = appFolder(['@types/node', 'undici-types']);
      writeFileSync(join(folder, file), consumer);
      const args = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'];
      const target = ['--target', 'es2022', '--lib', 'es2022,esnext.disposable', '--types', 'node'];
      try {
        execFileSync(
          join(root, 'node_modules/.bin/tsc'),
          [...args, ...target, ...flags, '--ignoreConfig', file],
          { cwd: folder, encoding: 'utf8' },
        );
      } catch (error) {
        throw new Error(String((error as { stdout?: string }).stdout ?? error));
      }
    });
  }
});
