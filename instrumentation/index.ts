/** Every instrumentation Sonde brings, in one list. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { BridgeName, Config } from '../src/config/config.ts';
import { lambdaVariables } from '../src/config/env.ts';
import type { Instrumentation, Sensors } from '../src/instrumentation.ts';
import { load } from '../src/load.ts';
import { severity } from '../src/logs/levels.ts';
import type { OfficialInstrumentation } from '../src/official.ts';
import { tryInstrumentation } from '../src/official-guard.ts';
import { accessWitness } from './access-witness.ts';
import { type Bridge, bridgeTo } from './bridge.ts';
import { bullmqSandbox, mayBeSandbox } from './bullmq-sandbox.ts';
import { tellBundled } from './bundled.ts';
import { bunyan } from './bunyan.ts';
import { childProcess } from './child-process.ts';
import { consoleBridge } from './console.ts';
import { debug } from './debug.ts';
import { debuglog } from './debuglog.ts';
import { fetchClient } from './fetch.ts';
import { type Armed, arm } from './hook.ts';
import { host } from './host.ts';
import { httpClient } from './http-client.ts';
import { httpServer } from './http-server.ts';
import { log4js } from './log4js.ts';
import { logtape } from './logtape.ts';
import { installedTail, longTail } from './long-tail.ts';
import { canHookLoads } from './namespaces.ts';
import { nextSpans } from './next.ts';
import { otelApi } from './otel-api.ts';
import { pino } from './pino.ts';
import { runtime } from './runtime.ts';
import { sentrySpans } from './sentry.ts';
import { tellTogether, twinsOf, watchOfficial, watchTracers } from './twins.ts';
import { winston } from './winston.ts';
import { workerNames, workerThreads } from './worker-threads.ts';

type Selection = Config['instrumentations'];

/** Not a choice: without them the others may report to nobody, or under another name. */
const always: readonly (() => Instrumentation)[] = [otelApi, workerNames];

const selectable: readonly (() => Instrumentation)[] = [
  httpServer,
  httpClient,
  fetchClient,
  whenLoaded('http2', ['node:http2'], () => load<typeof import('./http2-server.ts')>('http2').http2Server()),
  whenLoaded('express', ['express', 'router', 'pino-http'], () =>
    load<typeof import('./express.ts')>('express').express(),
  ),
  whenLoaded('koa', ['koa'], () => load<typeof import('./koa.ts')>('koa').koa()),
  whenLoaded(
    'hono',
    ['hono', 'hono/tiny', 'hono/quick'],
    () => load<typeof import('./hono.ts')>('hono').hono(),
    true,
  ),
  whenLoaded('nestjs-core', ['@nestjs/core'], () => load<typeof import('./nest.ts')>('nest').nest(), true),
  whenTold('fastify', 'fastify.initialization', (message) =>
    load<typeof import('./fastify.ts')>('fastify').watchFastify((message as { fastify: never }).fastify),
  ),
  whenLoaded('pg', ['pg', 'pg-pool'], () => load<typeof import('./pg.ts')>('pg').pg()),
  whenLoaded(
    'postgres',
    ['postgres'],
    () => load<typeof import('./postgres.ts')>('postgres').postgres(),
    true,
  ),
  whenLoaded('mysql', ['mysql2', 'mysql2/promise', 'mysql'], () =>
    load<typeof import('./mysql.ts')>('mysql').mysql(),
  ),
  whenLoaded(
    'mariadb',
    ['mariadb', 'mariadb/callback'],
    () => load<typeof import('./mariadb.ts')>('mariadb').mariadb(),
    true,
  ),
  whenLoaded('mongodb', ['mongodb'], () => load<typeof import('./mongodb.ts')>('mongodb').mongodb()),
  whenLoaded('redis', ['@redis/client'], () => load<typeof import('./redis.ts')>('redis').redis()),
  whenLoaded('ioredis', ['ioredis', 'iovalkey'], () =>
    load<typeof import('./ioredis.ts')>('ioredis').ioredis(),
  ),
  whenLoaded('bullmq', ['bullmq'], () => load<typeof import('./bullmq.ts')>('bullmq').bullmq()),
  ...(mayBeSandbox() ? [bullmqSandbox] : []),
  whenLoaded('amqplib', ['amqplib', 'amqplib/callback_api', 'amqplib/callback_api.js'], () =>
    load<typeof import('./amqplib.ts')>('amqplib').amqplib(),
  ),
  whenLoaded('kafkajs', ['kafkajs'], () => load<typeof import('./kafkajs.ts')>('kafkajs').kafkajs()),
  whenLoaded('nats', ['@nats-io/nats-core/internal', '@nats-io/transport-node', '@nats-io/jetstream'], () =>
    load<typeof import('./nats.ts')>('nats').nats(),
  ),
  whenLoaded('pg-boss', ['pg-boss'], () => load<typeof import('./pg-boss.ts')>('pgBoss').pgBoss()),
  whenLoaded('sqs', ['@aws-sdk/client-sqs'], () => load<typeof import('./sqs.ts')>('sqs').sqs()),
  whenLoaded('sqlite', ['node:sqlite'], () => load<typeof import('./sqlite.ts')>('sqlite').sqlite()),
  whenLoaded('better-sqlite3', ['better-sqlite3'], () =>
    load<typeof import('./better-sqlite3.ts')>('betterSqlite3').betterSqlite3(),
  ),
  whenLoaded('knex', ['knex'], () => load<typeof import('./knex.ts')>('knex').knex()),
  whenLoaded('sequelize', ['sequelize'], () =>
    load<typeof import('./sequelize.ts')>('sequelize').sequelize(),
  ),
  whenLoaded('typeorm', ['typeorm'], () => load<typeof import('./typeorm.ts')>('typeorm').typeorm()),
  whenLoaded(
    'drizzle',
    ['drizzle-orm'],
    () => load<typeof import('./drizzle.ts')>('drizzle').drizzle(),
    true,
  ),
  whenLoaded(
    'prisma',
    ['@prisma/client', '@prisma/client/runtime/client', '@prisma/driver-adapter-utils'],
    () => load<typeof import('./prisma.ts')>('prisma').prisma(),
    true,
  ),
  whenLoaded(
    'templates',
    ['ejs', 'pug', 'handlebars'],
    () => load<typeof import('./templates.ts')>('templates').templates(),
    true,
  ),
  whenLoaded('tedious', ['tedious'], () => load<typeof import('./tedious.ts')>('tedious').tedious()),
  whenLoaded('prom-client', ['prom-client'], () =>
    load<typeof import('./prom-client.ts')>('promClient').promClient(),
  ),
  childProcess,
  workerThreads,
  runtime,
  host,
];

/** A part of its own, read when the app loads the library: many a process speaks no SQL. */
function whenLoaded(
  name: string,
  modules: readonly string[],
  make: () => Instrumentation,
  takesNamespaces = false,
): () => Instrumentation {
  return () => {
    let real: Instrumentation | undefined;
    return {
      name,
      modules,
      takesNamespaces,
      patch(exports, specifier, sensors, path) {
        real ??= make();
        real.patch?.(exports, specifier, sensors, path);
      },
      disable: () => real?.disable(),
    };
  };
}

/** The same for a library that tells of itself through a channel. */
function whenTold(name: string, channel: string, see: (message: unknown) => void): () => Instrumentation {
  const listen = (message: unknown): void => see(message);
  return () => ({
    name,
    modules: [],
    enable: () => subscribe(channel, listen),
    disable: () => void unsubscribe(channel, listen),
  });
}

/** Of platforms that call the app; read only there. */
function platforms(): Instrumentation[] {
  if (lambdaVariables()?.handler === undefined) return [];
  return [load<typeof import('./aws-lambda.ts')>('awsLambda').awsLambda()];
}

/** By name; with the most severe record the library makes, where that is not FATAL. */
const bridges: Readonly<
  Record<BridgeName, readonly [(bridge: Bridge) => Instrumentation, highest?: number]>
> = {
  pino: [pino],
  winston: [winston],
  bunyan: [bunyan],
  log4js: [log4js],
  logtape: [logtape],
  console: [consoleBridge],
  debug: [debug, severity.DEBUG],
  debuglog: [debuglog, severity.DEBUG],
};

/** Those that are to do something; by default `debug` and `debuglog` are not, since INFO is sent and above. */
function bridgesOf(config: Config): Instrumentation[] {
  return Object.entries(bridges).flatMap(([name, [make, highest]]) => {
    const bridge = bridgeTo(name as BridgeName, config, highest);
    return bridge.sends || bridge.injects ? [make(bridge)] : [];
  });
}

/** The one name `http` of `OTEL_NODE_*_INSTRUMENTATIONS` stands for both sides and both protocols. */
function isNamed(name: string, list: readonly string[]): boolean {
  return list.includes(name) || (/^http(?:-|2$)/.test(name) && list.includes('http'));
}

/** Whether `name` is on: named in `enabled` if anything is, and not in `disabled`. */
export function isSelected(
  name: string,
  { enabled = [], disabled }: Pick<Selection, 'enabled' | 'disabled'>,
): boolean {
  return (enabled.length === 0 || isNamed(name, enabled)) && !isNamed(name, disabled);
}

/**
 * Arms every selected instrumentation. Each loads nothing of its target; the app does, or it never happens. Where the
 * app enables an official one for the same library, now (`given`) or later, one of the two gives way.
 */
export function armAll(sensors: Sensors, given: readonly OfficialInstrumentation[] = []): Armed {
  const { config } = sensors;
  const isChosen = (name: string): boolean => isSelected(name, config.instrumentations);
  const own = [...selectable.map((make) => make()), ...platforms(), ...bridgesOf(config)];
  const tail = longTail(config, (name) => isChosen(name) && own.every((one) => one.name !== name));
  const { prefer } = config.instrumentations;
  const witness = accessWitness();
  const settle = prefer === 'own' ? preferOwn() : preferOfficial(witness);
  const meet = (official: Named): boolean => {
    const isRoom = tail.isActivating || tail.giveWay(official);
    return isRoom && settle(official, armed);
  };
  const byName =
    prefer === 'own' || canHookLoads()
      ? []
      : [watchTracers((name) => void meet({ instrumentationName: name }))];
  const guests = isChosen('http') ? [sentrySpans(), nextSpans()] : [];
  const all = [...always.map((make) => make()), witness, watchOfficial(meet), ...byName, ...guests, tail];
  const armed: Armed = arm([...all, ...own.filter(({ name }) => isChosen(name))], sensors);
  for (const official of given) if (!meet(official)) switchOff(official);
  tellBundled(own.flatMap(({ modules }) => modules));
  return armed;
}

/** Short names of the official instrumentations that are there for a library of the long tail. Looks on the disk. */
export function onDemand({ instrumentations }: Config): readonly string[] {
  return installedTail((name) => isSelected(name, instrumentations));
}

/** Whether the official one may be enabled. */
type Settle = (official: Named, armed: Armed) => boolean;

/** Known by its name alone where its class is out of reach. */
type Named = Pick<OfficialInstrumentation, 'instrumentationName'> & Partial<OfficialInstrumentation>;

function preferOfficial(witness: { begin(): void }): Settle {
  const tell = tellTogether((own, official) => `Sonde's own ${own} stands aside for ${official} of the app.`);
  return ({ instrumentationName: name }, armed) => {
    const own = armedOf(twinsOf(name), armed);
    if (own.length > 0) {
      armed.standDown(own, `${name} is in its place`);
      if (own.includes('http')) witness.begin();
      tell(name, own);
    }
    return true;
  };
}

function switchOff(official: OfficialInstrumentation): void {
  tryInstrumentation(official, 'disable', () => official.disable());
}

/** Its base class is not enabled at all; what its own `enable` does besides is undone when that is through. */
function preferOwn(): Settle {
  const tell = tellTogether(
    (own, official) => `Sonde's own ${own} stays, in place of ${official} of the app (SONDE_PREFER=own).`,
  );
  return (official, armed) => {
    const name = official.instrumentationName;
    const own = armedOf(twinsOf(name), armed);
    if (own.length === 0) return true;
    queueMicrotask(() => switchOff(official as OfficialInstrumentation));
    tell(name, own);
    return false;
  };
}

function armedOf(names: readonly string[], armed: Armed): readonly string[] {
  return names.length === 0 ? names : names.filter((name) => armed.report().armed.includes(name));
}
