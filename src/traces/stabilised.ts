/**
 * Attributes under the names of the stable conventions. The query text passes the same lexer as everybody's. A part of
 * its own: many a process has no such span.
 */
import { readSql } from '../processing/sql.ts';

type Attributes = Record<string, unknown>;

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
  'db.memcached.key': undefined,
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

/** Renames in place; what would be said twice keeps the stable one's value. */
export function stabilise(attributes: Attributes): void {
  for (const old of Object.keys(attributes)) {
    if (!Object.hasOwn(renamed, old)) continue;
    const name = renamed[old];
    if (name !== undefined) attributes[name] ??= stableValue(name, attributes[old]);
    delete attributes[old];
  }
  const system = attributes['db.system.name'];
  if (system !== undefined) attributes['db.system.name'] = stableValue('db.system.name', system);
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
