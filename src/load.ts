/**
 * Heavy parts are files of their own, read when first needed: an app that never speaks grpc never pays for it.
 * This is the only `createRequire`; the build turns each literal path into the bundled part.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** Part name to source file. Keep the paths literal: `build/bundle.ts` reads them here. */
const parts = {
  start: './start.ts',
  sdk: './traces/sdk.ts',
  tail: './traces/tail-sampling.ts',
  officialConsole: './traces/official-console.ts',
  stabilised: './traces/stabilised.ts',
  encoding: '../exporters/otlp/encoding.ts',
  otlp: '../exporters/otlp/otlp.ts',
  otlpLines: '../exporters/otlp/lines.ts',
  file: '../exporters/file.ts',
  alert: '../exporters/alert.ts',
  sentry: '../exporters/sentry.ts',
  envelopePostman: '../exporters/sentry/envelope-postman.ts',
  grpc: '../exporters/otlp/grpc.ts',
  spool: './delivery/keeper.ts',
  lastPost: '../exporters/otlp/last-post.ts',
  postman: '../exporters/otlp/postman.ts',
  dict: './logs/dict-config.ts',
  watch: './config/watch.ts',
  processors: './logs/processor-parts.ts',
  presets: './logs/presets.ts',
  line: '../exporters/otlp/line.ts',
  memory: '../exporters/memory.ts',
  health: './health/probes.ts',
  admin: './admin/admin.ts',
  prometheus: '../exporters/prometheus/prometheus.ts',
  requests: '../instrumentation/request-records.ts',
  amqplib: '../instrumentation/amqplib.ts',
  betterSqlite3: '../instrumentation/better-sqlite3.ts',
  awsLambda: '../instrumentation/aws-lambda.ts',
  bullmq: '../instrumentation/bullmq.ts',
  drizzle: '../instrumentation/drizzle.ts',
  ioredis: '../instrumentation/ioredis.ts',
  kafkajs: '../instrumentation/kafkajs.ts',
  knex: '../instrumentation/knex.ts',
  mariadb: '../instrumentation/mariadb.ts',
  mongodb: '../instrumentation/mongodb.ts',
  mysql: '../instrumentation/mysql.ts',
  nats: '../instrumentation/nats.ts',
  recorder: '../exporters/flight-recorder.ts',
  http: '../exporters/http-log.ts',
  fastify: '../instrumentation/fastify.ts',
  koa: '../instrumentation/koa.ts',
  hono: '../instrumentation/hono.ts',
  nest: '../instrumentation/nest.ts',
  http2: '../instrumentation/http2-server.ts',
  express: '../instrumentation/express.ts',
  pg: '../instrumentation/pg.ts',
  pgBoss: '../instrumentation/pg-boss.ts',
  postgres: '../instrumentation/postgres.ts',
  prisma: '../instrumentation/prisma.ts',
  promClient: '../instrumentation/prom-client.ts',
  redis: '../instrumentation/redis.ts',
  sequelize: '../instrumentation/sequelize.ts',
  sqs: '../instrumentation/sqs.ts',
  sqlite: '../instrumentation/sqlite.ts',
  tedious: '../instrumentation/tedious.ts',
  templates: '../instrumentation/templates.ts',
  typeorm: '../instrumentation/typeorm.ts',
} as const;

export type Part = keyof typeof parts;

/** Loads a part synchronously, once. Throws what loading throws: the caller knows what to do without it. */
export function load<T>(part: Part): T {
  return require(parts[part]) as T;
}

/** Where a part is: for a worker thread, which loads it by itself. */
export function partPath(part: Part): string {
  return require.resolve(parts[part]);
}

/** Whether the app's own bundle has taken Sonde in, so that this is no file of Sonde's any more. */
export function isInlined(): boolean {
  return !/[\\/](?:gate\.cjs|load\.ts)$/.test(fileURLToPath(import.meta.url));
}

/** A module of the app by its path from the current folder, or by its package's name. Throws what loading throws. */
export function loadModule(name: string): Readonly<Record<string, unknown>> {
  return createRequire(`${process.cwd()}/.`)(name) as Readonly<Record<string, unknown>>;
}

/** A package of the app's own: as its main script finds it, else from the current folder. Throws what loading throws. */
export function loadOfApp(name: string): unknown {
  const { argv } = process;
  try {
    return createRequire(argv[1] ?? `${process.cwd()}/.`)(name);
  } catch {
    return loadModule(name);
  }
}
