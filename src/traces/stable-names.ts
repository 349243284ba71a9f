/**
 * Spans of the official instrumentations that Sonde enables by itself, under the names of the stable conventions: some
 * of them still speak the old ones. The query text passes the same lexer as everybody's.
 */
import { readSql } from '../processing/sql.ts';
import { shared } from '../slot.ts';

type Attributes = Record<string, unknown>;

interface EndedSpan {
  readonly instrumentationScope: { readonly name: string };
  readonly attributes: Attributes;
}

/** Names of instrumentation scopes. */
const scopes = shared('traces.stable-names', () => new Set<string>());

/** From now on the spans of this instrumentation are told in stable names. */
export function useStableNames(scope: string): void {
  scopes.add(scope);
}

/** Old to stable; what has no stable name and may name a person or a password is left out. */
const renamed: Readonly<Record<string, string | undefined>> = {
  'db.system': 'db.system.name',
  'db.name': 'db.namespace',
  'db.statement': 'db.query.text',
  'db.operation': 'db.operation.name',
  'db.sql.table': 'db.collection.name',
  'db.cassandra.table': 'db.collection.name',
  'db.cassandra.keyspace': 'db.namespace',
  'db.user': undefined,
  'db.connection_string': undefined,
  'net.peer.name': 'server.address',
  'net.peer.port': 'server.port',
  'net.peer.ip': 'network.peer.address',
  'net.sock.peer.addr': 'network.peer.address',
  'net.sock.peer.port': 'network.peer.port',
  'net.transport': 'network.transport',
  'http.method': 'http.request.method',
  'http.status_code': 'http.response.status_code',
  'http.url': 'url.full',
  'messaging.destination': 'messaging.destination.name',
};

const systems: Readonly<Record<string, string>> = {
  mssql: 'microsoft.sql_server',
  oracle: 'oracle.db',
  dynamodb: 'aws.dynamodb',
};

/** Those whose queries are SQL, or near enough for its lexer. */
const speakSql = /^(?:postgresql|mysql|mariadb|sqlite|cassandra|microsoft\.sql_server|oracle\.db|other_sql)$/;

const ports: readonly string[] = ['server.port', 'network.peer.port'];

/** OpenTelemetry's `SpanProcessor`, structurally; stands before those that read ended spans. */
export const stableNames = {
  onStart(): void {},
  onEnd(span: unknown): void {
    if (scopes.size === 0) return;
    const { instrumentationScope, attributes } = span as EndedSpan;
    if (scopes.has(instrumentationScope.name)) stabilise(attributes);
  },
  async forceFlush(): Promise<void> {},
  async shutdown(): Promise<void> {},
};

function stabilise(attributes: Attributes): void {
  for (const old of Object.keys(attributes)) {
    if (!Object.hasOwn(renamed, old)) continue;
    const name = renamed[old];
    if (name !== undefined) attributes[name] ??= stableValue(name, attributes[old]);
    delete attributes[old];
  }
  hideLiterals(attributes);
}

function stableValue(name: string, value: unknown): unknown {
  if (ports.includes(name)) return Number(value);
  if (name === 'db.system.name') return systems[String(value)] ?? value;
  if (name === 'network.transport') return String(value).replace('ip_', '');
  return value;
}

function hideLiterals(attributes: Attributes): void {
  const { 'db.query.text': query, 'db.system.name': system } = attributes;
  if (typeof query !== 'string' || !speakSql.test(String(system))) return;
  const { text, summary } = readSql(query);
  attributes['db.query.text'] = text;
  if (summary !== undefined) attributes['db.query.summary'] ??= summary;
}
