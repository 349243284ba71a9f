import { spawnSync } from 'node:child_process';
import os from 'node:os';
import { expect } from 'chai';
import { announceResource } from '../../src/config/resource.ts';
import { lineFormat } from '../../src/logs/format.ts';
import { spellForFormat } from '../../src/logs/levels.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { presetNames, recordWith, run } from './captured.ts';

const traceId = '1234abcd16cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';
const stamp = {
  ...{ traceId, spanId, traceFlags: 1, correlationId: 'req-7', requestId: 'r-1' },
  attributes: { 'user.id': 42 },
};

const linesOf = Object.fromEntries(presetNames.map((name) => [name, lineFormat(name, false)]));
const line = (name: string, parts: Partial<LogRecord>): string => linesOf[name]!(recordWith(parts));
const parsed = (name: string, parts: Partial<LogRecord>): Record<string, any> =>
  JSON.parse(line(name, parts));

function failure(): Error {
  const cause = Object.assign(new TypeError('no row'), {
    stack: 'TypeError: no row\n    at db (/app/db.ts:1:1)',
  });
  const error = Object.assign(new Error('payment failed', { cause }), { code: 'E_PAY' });
  error.stack = 'Error: payment failed\n    at pay (/app/pay.ts:2:2)';
  return error;
}

const stack =
  'Error: payment failed\n    at pay (/app/pay.ts:2:2)\ncaused by: TypeError: no row\n    at db (/app/db.ts:1:1)';

describe('the preset structlog', () => {
  it('is the line of the source, to the character (A23)', () => {
    const fields = { order_id: 1042, total: '149.99', user_id: 88 };
    const time = Date.UTC(2026, 4, 7, 14, 32, 1);
    expect(
      line('structlog', { time, eventName: 'order_created', message: 'order_created', fields }),
    ).to.equal(
      '{"event":"order_created","order_id":1042,"total":"149.99","user_id":88,"level":"info","timestamp":"2026-05-07T14:32:01Z"}',
    );
  });

  it('is a message as event, bound names, the ids, the exception, and microseconds as Python has them', () => {
    const bound = { shop: 'north' };
    const parts = { stamp, bound, error: failure(), time: Date.UTC(2026, 4, 7) + 1.25, severityNumber: 13 };
    expect(line('structlog', { ...parts, level: 'WARN' })).to.equal(
      `{"event":"order created","user.id":42,"shop":"north","trace_id":"${traceId}","span_id":"${spanId}",` +
        `"trace_flags":"01","correlation_id":"req-7","exception":${JSON.stringify(stack)},` +
        '"level":"warning","timestamp":"2026-05-07T00:00:00.001250Z"}',
    );
  });

  it('lets no field forge a name of the line', () => {
    const fields = { event: 1, level: 2, timestamp: 3, exception: 4, trace_id: 5, 'attributes.event': 6 };
    expect(parsed('structlog', { fields })).to.include({
      ...{ event: 'order created', level: 'info', 'attributes.event': 1, 'attributes.level': 2 },
      ...{ 'attributes.exception': 4, 'attributes.trace_id': 5, 'attributes.attributes.event': 6 },
    });
  });
});

describe('the preset pino', () => {
  it('is pino\u2019s line: numbers, epoch milliseconds, pid, hostname, name, msg last', () => {
    expect(line('pino', { stamp, fields: { orderId: 1042 } })).to.equal(
      `{"level":30,"time":1768991400123,"pid":${process.pid},"hostname":${JSON.stringify(os.hostname())},` +
        `"name":"shop.orders","trace_id":"${traceId}","span_id":"${spanId}","trace_flags":"01",` +
        '"correlation_id":"req-7","user.id":42,"orderId":1042,"msg":"order created"}',
    );
    const numbers = [1, 5, 9, 13, 17, 21, 11].map(
      (severityNumber) => parsed('pino', { severityNumber }).level,
    );
    expect(numbers).to.eql([10, 20, 30, 40, 50, 60, 30]);
  });

  it('has what was thrown as pino\u2019s own serializer writes it', () => {
    const { err } = parsed('pino', { error: failure() });
    expect(err).to.eql({ type: 'Error', message: 'payment failed: no row', stack, code: 'E_PAY' });
    const several = parsed('pino', { error: new AggregateError([failure()], 'both') }).err;
    expect(several.aggregateErrors[0]).to.include({ type: 'Error', message: 'payment failed: no row' });
    expect(parsed('pino', { error: 'text' }).err).to.eql({ type: 'string', message: 'text', stack: '' });
  });

  it('is read by pino-pretty', () => {
    const lines = `${line('pino', { stamp, fields: { orderId: 1042 } })}\n${line('pino', { error: failure(), severityNumber: 17 })}\n`;
    const pretty = spawnSync(process.execPath, ['node_modules/pino-pretty/bin.js', '--no-colorize'], {
      ...{ input: lines, encoding: 'utf8' },
    });
    expect(pretty.stdout).to.match(/^\[.*\] INFO \(shop\.orders\/\d+\): order created\n/);
    expect(pretty.stdout)
      .to.contain('orderId: 1042')
      .and.match(/ERROR \(shop\.orders\/\d+\): order created/);
    expect(pretty.stdout).to.match(/err: \{\s+"type": "Error",\s+"message": "payment failed: no row"/);
  });
});

describe('the preset ecs', () => {
  before(() =>
    announceResource(() => ({
      ...{ 'service.name': 'shop', 'service.version': '1.2', 'service.instance.id': 'i-1' },
      ...{ 'deployment.environment.name': 'staging', 'os.type': 'linux' },
    })),
  );
  after(() => announceResource(() => ({})));

  it('is Elastic Common Schema: time, level and message first, as its specification asks', () => {
    expect(line('ecs', { stamp, fields: { 'url.path': '/x' }, eventName: 'order_created' })).to.equal(
      '{"@timestamp":"2026-01-21T10:30:00.123Z","log.level":"INFO","message":"order created",' +
        `"ecs.version":"8.11.0","log.logger":"shop.orders","trace.id":"${traceId}","span.id":"${spanId}",` +
        '"correlation_id":"req-7","service.name":"shop","service.version":"1.2","service.node.name":"i-1",' +
        '"service.environment":"staging","event.action":"order_created","user.id":42,"url.path":"/x"}',
    );
  });

  it('has what was thrown as error.*, which no field forges', () => {
    const fields = { 'error.type': 'forged', 'service.name': 'forged', 'log.level': 'forged' };
    expect(parsed('ecs', { error: failure(), fields })).to.include({
      ...{ 'error.type': 'Error', 'error.message': 'payment failed', 'error.code': 'E_PAY' },
      ...{ 'error.stack_trace': stack, 'service.name': 'shop', 'attributes.service.name': 'forged' },
    });
  });
});

describe('the preset django', () => {
  it('is the source\u2019s line (A9, A22)', () => {
    const fields = { order_id: '12345', user_id: 42 };
    expect(line('django', { fields, stamp: { ...recordWith().stamp, correlationId: 'req-7' } })).to.equal(
      '{"timestamp":"2026-01-21T10:30:00.123Z","level":"INFO","message":"order created","order_id":"12345",' +
        '"correlation_id":"req-7","user_id":42}',
    );
  });

  it('names what a request is as the source does, whatever its names were (A52)', () => {
    const request = {
      ...{ 'http.request.method': 'GET', 'url.path': '/api/orders/12345', 'http.response.status_code': 200 },
      ...{ duration_ms: 15.23, route: '/api/orders/{id}' },
    };
    expect(line('django', { logger: 'access', message: 'HTTP request', stamp, fields: request })).to.equal(
      '{"timestamp":"2026-01-21T10:30:00.123Z","level":"INFO","message":"HTTP request",' +
        `"route":"/api/orders/{id}","trace_id":"${traceId}","span_id":"${spanId}","trace_flags":"01",` +
        '"correlation_id":"req-7","method":"GET","path":"/api/orders/12345","status_code":200,' +
        '"duration_ms":15.23,"user_id":42}',
    );
  });

  it('names what a statement is as django.db.backends does (A49)', () => {
    const fields = { duration_ms: 12, 'db.query.text': 'SELECT ?', 'db.params': '[hidden]' };
    expect(parsed('django', { logger: 'sonde.db', fields })).to.include({
      ...{ duration: 0.012, sql: 'SELECT ?', params: '[hidden]' },
    });
  });

  it('has the stack as exc_info, and lets no field forge a name', () => {
    const fields = { exc_info: 'forged', level: 'forged', trace_id: 'forged' };
    expect(parsed('django', { error: failure(), fields })).to.include({
      ...{ exc_info: stack, level: 'INFO', 'attributes.level': 'forged', 'attributes.trace_id': 'forged' },
    });
  });
});

describe('the format otlp-json', () => {
  before(() => announceResource(() => ({ 'service.name': 'shop' })));
  after(() => announceResource(() => ({})));

  it('is a request with one record in each line, as the OTLP File Exporter is specified (A9)', () => {
    const text = line('otlp-json', { stamp, fields: { big: 2 ** 53, list: [1] }, error: failure() });
    const { resourceLogs } = JSON.parse(text);
    const [{ resource, scopeLogs }] = resourceLogs;
    expect(resource.attributes).to.eql([{ key: 'service.name', value: { stringValue: 'shop' } }]);
    expect(scopeLogs[0].scope).to.eql({ name: 'shop.orders' });
    const [record] = scopeLogs[0].logRecords;
    expect(record).to.deep.include({
      ...{ timeUnixNano: '1768991400123000000', severityNumber: 9, severityText: 'INFO' },
      ...{ body: { stringValue: 'order created' }, traceId, spanId, flags: 1 },
    });
    const attributes = Object.fromEntries(
      record.attributes.map(({ key, value }: { key: string; value: unknown }) => [key, value]),
    );
    expect(attributes).to.deep.include({
      correlation_id: { stringValue: 'req-7' },
      'exception.type': { stringValue: 'Error' },
      list: { arrayValue: { values: [{ intValue: '1' }] } },
    });
  });
});

describe('one spelling of levels in a process (A1)', () => {
  afterEach(() => spellForFormat('json'));

  const program = `
    const log = getLogger('shop');
    startSinks([consoleSink({ format: process.env.SONDE_LOG_FORMAT })], [(record) => process.stderr.write(record.level + ' ')]);
    log.warn('a'); log.warning('b'); log.critical('c'); log.fatal('d'); log.info('e');`;

  const spelt: Record<string, string[]> = {
    json: ['WARN', 'WARN', 'FATAL', 'FATAL', 'INFO'],
    ecs: ['WARN', 'WARN', 'FATAL', 'FATAL', 'INFO'],
    django: ['WARNING', 'WARNING', 'CRITICAL', 'CRITICAL', 'INFO'],
    structlog: ['warning', 'warning', 'critical', 'critical', 'info'],
  };
  for (const [name, words] of Object.entries(spelt)) {
    it(`is ${words[0]} and ${words[2]} under ${name}, in lines and in SeverityText`, () => {
      const { lines, stderr } = run(program, { SONDE_LOG_FORMAT: name });
      expect(lines.map((each) => each.level ?? each['log.level'])).to.eql(words);
      expect(stderr.trim().split(' ')).to.eql(words);
    });
  }

  it('has colours in every spelling', () => {
    const pretty = lineFormat('pretty', false);
    for (const level of ['WARN', 'WARNING', 'warning', 'critical'] as const) {
      expect(pretty(recordWith({ level })))
        .to.contain(` ${level.padEnd(5)} `)
        .and.not.contain('undefined');
    }
  });
});
