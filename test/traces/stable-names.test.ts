/** Old names of official instrumentations become stable ones, for those that Sonde has enabled only. */
import { expect } from 'chai';
import { stableNames, useStableNames } from '../../src/traces/stable-names.ts';

const scope = '@opentelemetry/instrumentation-knex';
useStableNames(scope);

function told(attributes: Record<string, unknown>, name = scope): Record<string, unknown> {
  stableNames.onEnd({ instrumentationScope: { name }, attributes });
  return attributes;
}

describe('stable names', () => {
  it('renames what a database was asked, without the literals of its text', () => {
    const attributes = told({
      'db.system': 'mssql',
      'db.name': 'shop',
      'db.user': 'ada',
      'db.statement': "SELECT * FROM orders WHERE owner = 'ada'",
      'db.connection_string': 'mssql://ada:secret@db',
      'net.peer.name': 'db',
      'net.peer.port': '1433',
      'net.transport': 'ip_tcp',
    });
    expect(attributes).to.deep.equal({
      'db.system.name': 'microsoft.sql_server',
      'db.namespace': 'shop',
      'db.query.text': 'SELECT * FROM orders WHERE owner = ?',
      'db.query.summary': 'SELECT orders',
      'server.address': 'db',
      'server.port': 1433,
      'network.transport': 'tcp',
    });
  });

  it('keeps a stable name that is there already', () => {
    const attributes = told({ 'net.peer.name': 'old', 'server.address': 'db' });
    expect(attributes).to.deep.equal({ 'server.address': 'db' });
  });

  it('leaves the text of a database alone that speaks no SQL', () => {
    expect(told({ 'db.system': 'memcached', 'db.statement': "get 'a'" })).to.deep.equal({
      'db.system.name': 'memcached',
      'db.query.text': "get 'a'",
    });
  });

  it('leaves the spans of everybody else as they are', () => {
    expect(told({ 'db.system': 'mysql' }, 'mine')).to.deep.equal({ 'db.system': 'mysql' });
  });
});
