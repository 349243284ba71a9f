/** `SONDE_LOG_FORMAT` names the line, on the console and in the file (A9). */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

/** What says that a line is of its preset. */
const looks: Record<string, (line: Record<string, any>) => unknown> = {
  json: (line) => [line.level, line.logger, line.message, line['service.name']],
  'otlp-json': ({ resourceLogs: [{ resource, scopeLogs }] }) => [
    scopeLogs[0].logRecords[0].severityText,
    scopeLogs[0].scope.name,
    scopeLogs[0].logRecords[0].body.stringValue,
    resource.attributes.find(({ key }: { key: string }) => key === 'service.name').value.stringValue,
  ],
  pino: (line) => [line.level, line.name, line.msg, line['service.name']],
  ecs: (line) => [line['log.level'], line['log.logger'], line.message, line['service.name']],
  structlog: (line) => [line.level, line.logger, line.event, line['service.name']],
  django: (line) => [line.level, line.logger, line.message, line['service.name']],
};

const told: Record<string, unknown[]> = {
  json: ['WARN', 'app', 'low stock', undefined],
  'otlp-json': ['WARN', 'app', 'low stock', 'shop'],
  pino: [40, 'app', 'low stock', undefined],
  ecs: ['WARN', 'app', 'low stock', 'shop'],
  structlog: ['warning', undefined, 'low stock', undefined],
  django: ['WARNING', undefined, 'low stock', undefined],
};

describe('SONDE_LOG_FORMAT', function () {
  this.timeout(30_000);

  for (const [name, look] of Object.entries(looks)) {
    it(`${name}: its line on the console and in the file, and one spelling of the level with OTLP (A1)`, async () => {
      const sink = await startSink();
      const folder = appFolder();
      const script = `require('sonde').getLogger('app').warn('low stock', { password: 'hunter2' });`;
      writeFileSync(join(folder, 'app.cjs'), script);
      const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
        cwd: folder,
        env: {
          ...{ SONDE_LOG_FORMAT: name, SONDE_LOG_FILE: 'app.log', OTEL_SERVICE_NAME: 'shop' },
          ...{ OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' },
        },
      });
      await sink.close();
      const line = ended.lines.find((each) => JSON.stringify(each).includes('low stock'));
      expect(look(line!)).to.deep.equal(told[name]);
      expect(ended.stdout).to.not.contain('hunter2');
      const file = readFileSync(join(folder, 'app.log'), 'utf8').trimEnd().split('\n');
      expect(look(JSON.parse(file.find((each) => each.includes('low stock'))!))).to.deep.equal(told[name]);
      const word = { django: 'WARNING', structlog: 'warning' }[name] ?? 'WARN';
      expect(sink.logs().map(({ severityText }) => severityText)).to.include(word);
    });
  }

  it('django: has the names of the source for a request and for a statement (A49, A52)', async () => {
    const folder = appFolder();
    writeFileSync(
      join(folder, 'app.cjs'),
      `const http = require('node:http');
      const { DatabaseSync } = require('node:sqlite');
      const { addContext } = require('sonde');
      const db = new DatabaseSync(':memory:');
      const server = http.createServer((request, response) => {
        addContext({ 'user.id': 42 });
        db.prepare('SELECT 1 AS one').get();
        response.end('ok');
      }).listen(0, () => {
        const { port } = server.address();
        const headers = { 'x-correlation-id': 'order-7' };
        http.get({ port, path: '/api/orders/12345?token=hunter2', headers, agent: false }, (response) => {
          response.resume().on('end', () => server.close());
        });
      });`,
    );
    const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
      cwd: folder,
      env: {
        ...{
          SONDE_LOG_FORMAT: 'django',
          SONDE_LOG_LEVEL: 'info,sonde.db=debug',
          SONDE_DB__LOG_QUERIES: 'on',
        },
        ...{ SONDE_OTLP: 'off', OTEL_TRACES_EXPORTER: 'none' },
      },
    });
    const request = ended.lines.find(({ message }) => message === 'HTTP request');
    expect(Object.keys(request!).slice(-9)).to.deep.equal([
      ...['trace_id', 'span_id', 'trace_flags', 'correlation_id'],
      ...['method', 'path', 'status_code', 'duration_ms', 'user_id'],
    ]);
    expect(request).to.include({ level: 'INFO', method: 'GET', path: '/api/orders/12345', status_code: 200 });
    expect(request).to.include({ correlation_id: 'order-7', user_id: 42 });
    const statement = ended.lines.find(({ sql }) => sql !== undefined);
    expect(statement).to.include({ level: 'DEBUG', sql: 'SELECT ? AS one', correlation_id: 'order-7' });
    expect(statement?.duration).to.be.a('number').and.to.be.below(1);
    expect(ended.stdout).to.not.contain('hunter2');
  });
});
