/** Every name that Sonde emits by itself is one of OpenTelemetry's semantic conventions, or listed here with its reason. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as stable from '@opentelemetry/semantic-conventions';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { startKafkaStub } from '../support/kafka-stub.ts';
import { startMongoStub } from '../support/mongo-stub.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import {
  requireMariadb,
  requireNats,
  requirePostgres,
  requireRabbitmq,
  requireRedis,
} from '../support/services.ts';
import { startSqsStub } from '../support/sqs-stub.ts';
import { appFolder } from '../support/tarball.ts';

const constants: [string, unknown][] = [...Object.entries(stable), ...Object.entries(incubating)];
const valuesOf = (prefix: string) =>
  new Set(constants.filter(([name]) => name.startsWith(prefix)).map(([, value]) => String(value)));

const attributeNames = valuesOf('ATTR_');
const metricNames = valuesOf('METRIC_');

/** Constants that the package's own declarations mark as deprecated. */
function deprecatedValues(): Set<string> {
  const folder = dirname(createRequire(import.meta.url).resolve('@opentelemetry/semantic-conventions'));
  const texts = ['stable', 'experimental'].flatMap((kind) =>
    ['attributes', 'metrics'].map((what) => readFileSync(join(folder, `${kind}_${what}.d.mts`), 'utf8')),
  );
  const found = texts
    .join('\n')
    .matchAll(/@deprecated(?:(?!\*\/)[\s\S])*\*\/\s*declare const \w+: "([^"]+)"/g);
  return new Set([...found].map(([, value]) => value!));
}

/** Names of Sonde's own, which the conventions have no word for. */
const ownNames: Record<string, string> = {
  'sonde.dns_ms': 'how long a new connection took to come about, on the span that waited for it',
  'sonde.connect_ms': 'the same',
  'sonde.tls_ms': 'the same',
  'error.fingerprint': 'what equal errors have in common',
  'job.name': 'which kind of job a message is, where a queue has several (A31)',
  'job.attempt': 'which try of it this is',
  'sonde.slow_query.threshold_ms': 'on the event of a finding',
  'sonde.pool_wait.threshold_ms': 'the same',
  'sonde.orm.operation': 'what the app asked an ORM for, on the statements that come of it',
  queue: 'of `sonde.queue.depth`, as A58 writes it',
  state: 'the same',
  correlation_id: 'the id that joins the telemetry of one unit of work (A27)',
};

/** The conventions' units are not part of the package. */
const units: Record<string, string> = {
  'http.server.request.duration': 's',
  'http.client.request.duration': 's',
  'http.server.active_requests': '{request}',
  'db.client.operation.duration': 's',
  'db.client.connection.create_time': 's',
  'db.client.connection.use_time': 's',
  'db.client.connection.wait_time': 's',
  'nodejs.eventloop.delay.min': 's',
  'nodejs.eventloop.delay.max': 's',
  'nodejs.eventloop.delay.mean': 's',
  'nodejs.eventloop.delay.stddev': 's',
  'nodejs.eventloop.delay.p50': 's',
  'nodejs.eventloop.delay.p90': 's',
  'nodejs.eventloop.delay.p99': 's',
  'nodejs.eventloop.time': 's',
  'nodejs.eventloop.utilization': '1',
  'sonde.overhead.cpu': '1',
  'v8js.gc.duration': 's',
  'v8js.memory.heap.used': 'By',
  'v8js.memory.heap.space.size': 'By',
  'v8js.memory.heap.space.available_size': 'By',
  'v8js.memory.heap.space.physical_size': 'By',
  'v8js.resource.active': '{resource}',
};

const kinds: Record<string, string> = {
  'nodejs.eventloop.time': 'sum',
  'nodejs.eventloop': 'gauge',
  'sonde.overhead.cpu': 'gauge',
  'otel.sdk.exporter.operation.duration': 'histogram',
  'otel.sdk.metric_reader.collection.duration': 'histogram',
  'otel.sdk': 'sum',
  'v8js.memory': 'sum',
  'v8js.gc.duration': 'histogram',
  'v8js.resource.active': 'gauge',
  'http.server.request.duration': 'histogram',
  'http.client.request.duration': 'histogram',
  'http.server.active_requests': 'sum',
  'db.client.operation.duration': 'histogram',
  'db.client.connection': 'histogram',
};

/** Sonde's own delivery: which of it has happened already when a collection is made is a matter of moments. */
const isOfDelivery = (name: string): boolean => name.startsWith('otel.sdk.');

function unitOf(name: string): string | undefined {
  if (!isOfDelivery(name)) return units[name];
  if (name.endsWith('.duration')) return 's';
  const [, noun] = /\.(span|log|metric_data_point)\./.exec(name) ?? [];
  return { span: '{span}', log: '{log_record}', metric_data_point: '{data_point}' }[noun ?? ''];
}

/** What libraries are measured by beyond that: unit and kind. */
const libraryMetrics: Record<string, [unit: string, kind: string]> = {
  'messaging.client.operation.duration': ['s', 'histogram'],
  'messaging.client.sent.messages': ['{message}', 'sum'],
  'messaging.client.consumed.messages': ['{message}', 'sum'],
  'messaging.process.duration': ['s', 'histogram'],
  'db.client.connection.count': ['{connection}', 'sum'],
  'db.client.connection.idle.max': ['{connection}', 'sum'],
  'db.client.connection.idle.min': ['{connection}', 'sum'],
  'db.client.connection.limit': ['{connection}', 'sum'],
  'db.client.connection.pending_requests': ['{request}', 'sum'],
  'http.server.active_requests': ['{request}', 'sum'],
  'http.server.request.duration': ['s', 'histogram'],
  'process.context_switches': ['{context_switch}', 'sum'],
  'process.cpu.time': ['s', 'sum'],
  'process.memory.usage': ['By', 'sum'],
  'process.paging.faults': ['{fault}', 'sum'],
  'process.uptime': ['s', 'gauge'],
  'system.cpu.logical.count': ['{cpu}', 'sum'],
  'system.cpu.time': ['s', 'sum'],
  'system.memory.limit': ['By', 'sum'],
  'system.memory.usage': ['By', 'sum'],
  'system.memory.utilization': ['1', 'gauge'],
  'system.uptime': ['s', 'gauge'],
};

/** Metrics of Sonde's own, which the conventions have no word for. */
const ownMetrics: Record<string, [unit: string, kind: string, reason: string]> = {
  'cache.hits': ['{lookup}', 'sum', 'what a cache answered (A58)'],
  'cache.misses': ['{lookup}', 'sum', 'the same'],
  'job.retries': ['{job}', 'sum', 'jobs that were tried again (A31)'],
  'sonde.overhead.cpu': ['1', 'gauge', 'what Sonde costs (A73)'],
  'sonde.db.slow_queries': ['', 'sum', 'a finding'],
  'sonde.db.n_plus_one': ['', 'sum', 'a finding'],
  'sonde.db.pool_waits': ['', 'sum', 'a finding'],
  'sonde.db.lock_waits': ['', 'sum', 'a finding'],
  'sonde.queue.depth': ['{job}', 'gauge', 'jobs that a queue holds (A58)'],
  'sonde.migrations.pending': ['{migration}', 'gauge', 'what a deployment has left to do (A58)'],
  'sonde.traces.late_spans': ['{span}', 'sum', 'a finding'],
  'sonde.traces.lost_contexts': ['{span}', 'sum', 'a finding'],
};

/** What the app itself has given. */
const ofTheApp = new Set(['user.id', 'order.id']);

function unknownNames(
  attributes: readonly Record<string, unknown>[],
  but: ReadonlySet<string> = ofTheApp,
): string[] {
  const names = new Set(attributes.flatMap((each) => Object.keys(each)));
  return [...names]
    .filter((name) => !attributeNames.has(name) && !but.has(name) && !(name in ownNames))
    .sort();
}

for (const node of nodeVersions()) {
  describe(`semantic conventions (Node ${node.name})`, function () {
    this.timeout(60_000);
    let ended: Ended;
    let sink: OtlpSink;

    before(async function () {
      await requirePostgres(this);
      sink = await startSink();
      ended = await runNode(['--expose-gc', '--no-warnings', '--import', 'sonde/register', 'app.mjs'], {
        cwd: appFolder(['pg'], join(import.meta.dirname, 'apps/semconv')),
        node: node.path,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, OTEL_SERVICE_NAME: 'shop' },
      });
      await sink.close();
    });

    it('are met in an app that shows all of it: HTTP in and out, two databases, errors', () => {
      expect(ended).to.include({ code: 0, signal: null, stderr: '' });
      const spans = sink.spans();
      const systems = new Set(spans.map((span) => span.attributes['db.system.name']).filter(Boolean));
      expect([...systems].sort()).to.deep.equal(['postgresql', 'sqlite']);
      expect(new Set(spans.map((span) => span.kind))).to.deep.equal(new Set([1, 2, 3]));
      expect(spans.filter((span) => span.attributes['error.type'] !== undefined).length).to.be.greaterThan(5);
    });

    it('know every attribute of spans, their events and links', () => {
      const spans = sink.spans();
      expect(unknownNames(spans.map((span) => span.attributes))).to.deep.equal([]);
      expect(
        unknownNames(spans.flatMap((span) => span.events.map((event) => event.attributes))),
      ).to.deep.equal([]);
    });

    it('know every attribute of log records that is not of the app', () => {
      const own = sink.logs();
      const records = own.filter((log) => log.scope === 'semconv');
      expect(records.map((log) => log.eventName).filter(Boolean)).to.deep.equal(['order_created']);
      expect(unknownNames(records.map((log) => log.attributes))).to.deep.equal([]);
    });

    it('know every attribute of the resource', () => {
      const resources = [...sink.spans(), ...sink.logs(), ...sink.metrics()].map((item) => item.resource);
      expect(unknownNames(resources, new Set())).to.deep.equal([]);
      expect(resources[0]).to.include({
        'service.name': 'shop',
        'telemetry.sdk.language': 'nodejs',
        'telemetry.sdk.name': 'opentelemetry',
        'telemetry.distro.name': 'sonde',
      });
      expect(resources[0]).to.not.have.any.keys(
        'process.command_args',
        'process.command_line',
        'process.owner',
      );
    });

    it('know every metric, its unit, its kind and its attributes', () => {
      const metrics = sink.metrics();
      const names = [...new Set(metrics.map((metric) => metric.name))].sort();
      expect(names.filter((name) => !isOfDelivery(name))).to.deep.equal(Object.keys(units).sort());
      expect(names.filter((name) => !metricNames.has(name))).to.deep.equal(['sonde.overhead.cpu']);
      for (const { name, unit, kind, points } of metrics) {
        expect(unit, name).to.equal(unitOf(name));
        const prefix = Object.keys(kinds).find((each) => name.startsWith(each))!;
        expect(kind, name).to.equal(kinds[prefix]);
        expect(
          unknownNames(
            points.map((point) => point.attributes),
            new Set(),
          ),
          name,
        ).to.deep.equal([]);
      }
    });

    it('keep ids of requests out of the attributes of metrics', () => {
      const points = sink.metrics().flatMap((metric) => metric.points);
      for (const { attributes } of points)
        expect(attributes).to.not.have.any.keys('correlation_id', 'user.id');
    });

    it('have deprecated nothing of it', () => {
      const deprecated = deprecatedValues();
      expect(deprecated.has('http.method')).to.equal(true);
      const items = [...sink.spans(), ...sink.logs()];
      const names = new Set([
        ...items.flatMap((item) => [...Object.keys(item.attributes), ...Object.keys(item.resource)]),
        ...sink
          .metrics()
          .flatMap((m) => [m.name, ...m.points.flatMap((point) => Object.keys(point.attributes))]),
      ]);
      expect([...names].filter((name) => deprecated.has(name))).to.deep.equal([]);
    });
  });
}

for (const node of nodeVersions()) {
  describe(`semantic conventions of libraries (Node ${node.name})`, function () {
    this.timeout(60_000);
    let sink: OtlpSink;

    before(async function () {
      for (const required of [requirePostgres, requireMariadb, requireRedis, requireRabbitmq, requireNats])
        await required(this);
      sink = await startSink();
      const [mongo, kafka, sqs] = [await startMongoStub(), await startKafkaStub(), await startSqsStub()];
      const queue = `sonde-${randomUUID()}`;
      const packages = [
        '@aws-sdk/client-sqs',
        '@nats-io/transport-node',
        'amqplib',
        'bullmq',
        'express',
        'ioredis',
        'kafkajs',
        'mariadb',
        'mongodb',
        'mysql2',
        'pg',
        'pg-boss',
        'redis',
      ];
      const args = ['--no-warnings', '--import', 'sonde/register', 'libraries.mjs'];
      const ended = await runNode([...args, queue, String(mongo.port), String(kafka.port), sqs.url], {
        cwd: appFolder(packages, join(import.meta.dirname, 'apps/semconv')),
        node: node.path,
        env: {
          OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
          SONDE_SLOW_QUERY_MS: '20',
          SONDE_POOL_WAIT_MS: '10',
          SONDE_QUEUE_DEPTH: 'on',
          SONDE_HOST_METRICS: 'on',
          SONDE_HTTP__MIDDLEWARE_SPANS: 'on',
          SONDE_HTTP__BODY_SIZES: 'on',
        },
      });
      await Promise.all([sink.close(), mongo.close(), kafka.close(), sqs.close()]);
      expect(ended).to.include({ code: 0, signal: null });
    });

    it('are met by an app that uses them all, with errors', () => {
      const attributes = sink.spans().map((span) => span.attributes);
      const systems = (name: string) =>
        [...new Set(attributes.map((each) => each[name]).filter(Boolean))].sort();
      const databases = ['mariadb', 'mongodb', 'mysql', 'postgresql', 'redis'];
      expect(systems('db.system.name')).to.deep.equal(databases);
      const queues = ['aws.sqs', 'bullmq', 'kafka', 'nats', 'pg-boss', 'rabbitmq'];
      expect(systems('messaging.system.name')).to.deep.equal(queues);
      const events = sink.spans().flatMap((span) => span.events.map(({ name }) => name));
      expect(events).to.include.members(['sonde.late_span', 'sonde.lost_context', 'sonde.n_plus_one']);
      expect(attributes.filter((each) => each['error.type'] !== undefined).length).to.be.greaterThan(5);
    });

    it('know every attribute of spans, their events and links', () => {
      const spans = sink.spans();
      expect(unknownNames(spans.map((span) => span.attributes))).to.deep.equal([]);
      const events = spans.flatMap((span) => span.events.map((event) => event.attributes));
      expect(unknownNames(events)).to.deep.equal([]);
    });

    it('know every metric of one load, its unit, its kind and its attributes (A58)', () => {
      const metrics = sink.metrics();
      const names = new Set(metrics.map((metric) => metric.name));
      for (const name of [...Object.keys(libraryMetrics), ...Object.keys(ownMetrics)])
        expect(names.has(name), name).to.equal(true);
      const own = Object.keys(ownMetrics);
      expect([...names].filter((name) => !metricNames.has(name)).sort()).to.deep.equal(own.sort());
      for (const { name, unit, kind, points } of metrics) {
        const [ownUnit = unitOf(name), ownKind] = libraryMetrics[name] ?? ownMetrics[name] ?? [];
        const prefix = Object.keys(kinds).find((each) => name.startsWith(each))!;
        expect([unit, kind], name).to.deep.equal([ownUnit, ownKind ?? kinds[prefix]]);
        const attributes = points.map((point) => point.attributes);
        expect(unknownNames(attributes, new Set()), name).to.deep.equal([]);
      }
    });

    it('have deprecated nothing of it', () => {
      const deprecated = deprecatedValues();
      const names = [
        ...sink.spans().flatMap((span) => Object.keys(span.attributes)),
        ...sink
          .metrics()
          .flatMap((m) => [m.name, ...m.points.flatMap((point) => Object.keys(point.attributes))]),
      ];
      const found = [...new Set(names)].filter((name) => deprecated.has(name) && !(name in ownNames));
      expect(found).to.deep.equal([]);
    });
  });
}
