/** One scenario in every web framework, by kind of module and by Node (A30, A34, A35, A46, A52, A70). */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

interface Framework {
  readonly name: string;
  /** Name in the app's node_modules, and what is installed there. */
  readonly packages: Readonly<Record<string, string>>;
  readonly entries: readonly string[];
  /** Its own way to write a parameter. */
  readonly route: string;
  /** Logger of `req.log`. */
  readonly logger: string;
}

const files = join(import.meta.dirname, 'apps/frameworks');
const orderRoute = '/shops/:shop/orders/:id';

const frameworks: readonly Framework[] = [
  {
    name: 'Express 5',
    packages: { express: 'express' },
    entries: ['express.cjs', 'express.mjs'],
    route: orderRoute,
    logger: 'express',
  },
  {
    name: 'Express 4',
    packages: { express: 'express-4' },
    entries: ['express.cjs', 'express.mjs'],
    route: orderRoute,
    logger: 'express',
  },
  {
    name: 'Fastify 5',
    packages: { fastify: 'fastify' },
    entries: ['fastify.cjs', 'fastify.mjs'],
    route: orderRoute,
    logger: 'fastify',
  },
  {
    name: 'Fastify 4',
    packages: { fastify: 'fastify-4' },
    entries: ['fastify.cjs', 'fastify.mjs'],
    route: orderRoute,
    logger: 'fastify',
  },
  {
    name: 'Koa 3',
    packages: { koa: 'koa', '@koa/router': '@koa/router' },
    entries: ['koa.cjs', 'koa.mjs'],
    route: orderRoute,
    logger: 'koa',
  },
  {
    name: 'Koa 2',
    packages: { koa: 'koa-2', '@koa/router': '@koa/router' },
    entries: ['koa.cjs', 'koa.mjs'],
    route: orderRoute,
    logger: 'koa',
  },
  {
    name: 'Hono 4',
    packages: { hono: 'hono', '@hono/node-server': '@hono/node-server' },
    entries: ['hono.cjs', 'hono.mjs'],
    route: orderRoute,
    logger: 'hono',
  },
  {
    name: 'NestJS 12 on Express',
    packages: {
      '@nestjs/core': '@nestjs/core',
      '@nestjs/common': '@nestjs/common',
      '@nestjs/platform-express': '@nestjs/platform-express',
    },
    entries: ['nest.cjs', 'nest.mjs'],
    route: orderRoute,
    logger: 'express',
  },
];

interface Outcome {
  readonly ended: Ended;
  readonly sink: OtlpSink;
}

async function run(
  folder: string,
  entry: string,
  node: string,
  more: Record<string, string> = {},
): Promise<Outcome> {
  const sink = await startSink();
  const ended = await runNode(['--require', 'sonde/register', entry], {
    cwd: folder,
    node,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, OTEL_METRIC_EXPORT_INTERVAL: '60000', ...more },
  });
  await sink.close();
  expect(ended.code, ended.stderr + ended.stdout).to.equal(0);
  return { ended, sink };
}

function expectSameEverywhere({ ended, sink }: Outcome, { route, logger }: Framework): void {
  const { answers } = ended.lines.find((line) => line.answers !== undefined)!;
  expect(answers).to.deep.equal({
    '/shops/7/orders/42': [200, 'id/shops/7/orders/42'],
    '/thrown': [500, 'id/thrown'],
    '/logged': [500, 'id/logged'],
    '/handled': [503, 'id/handled'],
    '/missing': [404, 'id/missing'],
  });
  const of = (path: string) =>
    ended.lines.filter(({ correlation_id, logger: name }) => correlation_id === `id${path}` && name);
  const told = (path: string) => of(path).map((line) => `${line.logger} ${line.level} ${line.message}`);

  expect(told('/shops/7/orders/42')).to.deep.equal([
    `${logger} INFO looked up`,
    'access INFO GET /shops/7/orders/42 200',
  ]);
  const [looked, access] = of('/shops/7/orders/42');
  expect(looked).to.include({ seen: 'id/shops/7/orders/42', trace_id: access?.trace_id });
  expect(access).to.include({ 'http.route': route, 'user.id': '42', 'url.path': '/shops/7/orders/42' });

  expect(told('/thrown')).to.deep.equal([
    'sonde.request ERROR Internal Server Error: /thrown',
    'access INFO GET /thrown 500',
  ]);
  expect(of('/thrown')[0]).to.include({
    'error.type': 'TypeError',
    'error.message': 'broken',
    'http.request.method': 'GET',
    'url.path': '/thrown',
    'http.route': '/thrown',
    'user.id': '42',
  });
  expect(told('/logged')).to.deep.equal(['shop ERROR order failed', 'access INFO GET /logged 500']);
  expect(told('/handled')).to.deep.equal([
    'sonde.request ERROR Service Unavailable: /handled',
    'access INFO GET /handled 503',
  ]);
  expect(of('/handled')[0]).to.include({ 'error.message': 'broken', 'http.response.status_code': 503 });
  expect(told('/missing')).to.deep.equal([
    'sonde.request WARN Not Found: /missing',
    'access INFO GET /missing 404',
  ]);

  const servers = sink.spans().filter(({ kind }) => kind === 2);
  expect(servers.map(({ name }) => name)).to.deep.equal([
    `GET ${route}`,
    'GET /thrown',
    'GET /logged',
    'GET /handled',
    'GET',
  ]);
  expect(sink.spans().filter(({ kind }) => kind === 1)).to.deep.equal([]);
  for (const span of servers.slice(1, 4)) {
    expect(
      span.events.map(({ attributes }) => attributes['exception.message']),
      span.name,
    ).to.deep.equal(['broken']);
    expect(span.attributes['error.type']).to.equal(String(span.attributes['http.response.status_code']));
  }
  const durations = sink.metrics().filter(({ name }) => name === 'http.server.request.duration');
  const routes = durations.flatMap(({ points }) => points.map(({ attributes }) => attributes['http.route']));
  expect(new Set(routes)).to.deep.equal(new Set([route, '/thrown', '/logged', '/handled', undefined]));
}

describe('web frameworks', () => {
  for (const framework of frameworks) {
    describe(framework.name, function () {
      this.timeout(60_000);
      let folder: string;
      before(() => {
        folder = appFolder(framework.packages, files);
      });
      for (const { name, path } of nodeVersions()) {
        it(`has route, user, errors told once and req.log in ${framework.entries.join(' and ')} on Node ${name}`, async () => {
          const outcomes = await Promise.all(framework.entries.map((entry) => run(folder, entry, path)));
          for (const outcome of outcomes) expectSameEverywhere(outcome, framework);
        });
      }
    });
  }

  /** Spans of middlewares below the server span, each with its parent. */
  const chains: Readonly<Record<string, readonly string[]>> = {
    'Express 5': ['GET R', 'GET R', 'middleware router'],
    'Koa 3': ['GET R', 'middleware anonymous'],
    'Hono 4': ['GET R', 'middleware /*'],
  };
  for (const framework of frameworks.filter(({ name }) => name in chains)) {
    it(`${framework.name} has a span for each middleware on option`, async () => {
      const folder = appFolder(framework.packages, files);
      const env = { SONDE_HTTP__MIDDLEWARESPANS: 'on', PATHS: '/shops/7/orders/42' };
      const { sink } = await run(folder, framework.entries[0]!, process.execPath, env);
      const spans = sink.spans().filter(({ kind }) => kind !== 3);
      const server = spans.find(({ kind }) => kind === 2)!;
      const inner = spans.filter(({ kind }) => kind === 1);
      expect(inner.map(({ name }) => name.split(' ')[0])).to.include('middleware');
      const parents = inner.map(({ parentSpanId }) =>
        spans.find(({ spanId }) => spanId === parentSpanId)?.name.replace(framework.route, 'R'),
      );
      expect(parents.sort()).to.deep.equal([...chains[framework.name]!].sort());
      expect(server.name).to.equal(`GET ${framework.route}`);
    }).timeout(30_000);
  }
});
