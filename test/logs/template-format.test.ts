import { expect } from 'chai';
import { jsonTemplateFormat, templateFormat } from '../../src/logs/template-format.ts';
import { recordWith } from './captured.ts';

const local = new Date(2026, 0, 21, 10, 30, 0, 123).getTime();
const record = recordWith({ time: local, fields: { request_id: 'r-1', order_id: 1042 } });

describe('format strings', () => {
  it('write the lines of the seed formats (A9)', () => {
    const line = (format: string, style: '{' | '%') => templateFormat({ format, style })(record);
    expect(line('{asctime} {levelname} {name} {message}', '{')).to.equal(
      '2026-01-21 10:30:00,123 INFO shop.orders order created',
    );
    expect(line('{levelname} {asctime} {module} {process:d} {thread:d} {message}', '{')).to.equal(
      `INFO 2026-01-21 10:30:00,123 template-format.test ${process.pid} 0 order created`,
    );
    expect(line('{levelname} {message}', '{')).to.equal('INFO order created');
    expect(line('%(levelname)s %(name)s %(message)s', '%')).to.equal('INFO shop.orders order created');
    expect(line('{asctime} [{request_id}] {levelname} {name} {message}', '{')).to.equal(
      '2026-01-21 10:30:00,123 [r-1] INFO shop.orders order created',
    );
    expect(line('%(asctime)s %(levelname)s %(name)s request_id=%(request_id)s %(message)s', '%')).to.equal(
      '2026-01-21 10:30:00,123 INFO shop.orders request_id=r-1 order created',
    );
  });

  it('know widths, precisions, datefmt, defaults and a sign for what is not there (A9)', () => {
    const line = (format: string, style: '{' | '%', more = {}) =>
      templateFormat({ format, style, ...more })(record);
    expect(line('%(levelname)-8s|%(order_id)06d|%(msecs).1f', '%')).to.equal('INFO    |001042|123.0');
    expect(line('{levelname:>8}|{order_id:06d}|{name:.4}|{message:*^17}', '{')).to.equal(
      '    INFO|001042|shop|**order created**',
    );
    expect(line('{asctime} {levelno}', '{', { datefmt: '%d/%b/%Y %H:%M:%S' })).to.equal(
      '21/Jan/2026 10:30:00 20',
    );
    expect(line('{user} {trace_id}', '{', { defaults: { user: 'nobody' } })).to.equal('nobody -');
    expect(line('100%% %(message)s', '%')).to.equal('100% order created');
  });

  it('refuse what they cannot understand, unless validate is off (A9)', () => {
    expect(() => templateFormat({ format: '{message', style: '{' })).to.throw('style "{"');
    expect(() => templateFormat({ format: '{message}', style: '%' })).to.throw('names no attribute');
    expect(templateFormat({ format: '{message}', style: '%', validate: false })(record)).to.equal(
      '{message}',
    );
  });

  it('let no message forge a line, and put the stack under it (A9)', () => {
    const lines = templateFormat()(recordWith({ message: 'a\nb', error: new Error('x') })).split('\n');
    expect(lines[0]).to.equal('a\\nb');
    expect(lines[1]).to.equal('Error: x');
  });

  it('print no secret (A62)', () => {
    const secret = recordWith({
      message: 'card 4111 1111 1111 1111',
      fields: { password: 'hunter2hunter2' },
    });
    const text = templateFormat({ format: '{message} {password}', style: '{' })(secret);
    const json = jsonTemplateFormat({ format: '%(message)s' })(secret);
    for (const line of [text, json]) {
      expect(line).to.not.contain('4111 1111');
      expect(line).to.not.contain('hunter2');
    }
  });

  it('print one object with the fields of the format, then extras, then exc_info (A9)', () => {
    const format = '%(asctime)s %(levelname)s %(name)s %(message)s';
    expect(jsonTemplateFormat({ format })(record)).to.equal(
      '{"asctime": "2026-01-21 10:30:00,123", "levelname": "INFO", "name": "shop.orders", ' +
        '"message": "order created", "request_id": "r-1", "order_id": 1042}',
    );
    const all = JSON.parse(
      jsonTemplateFormat({
        format,
        rename_fields: { levelname: 'level' },
        static_fields: { service: 'shop' },
        timestamp: true,
      })({ ...record, error: new Error('refused') }),
    );
    expect(Object.keys(all)).to.eql([
      ...[
        'asctime',
        'level',
        'name',
        'message',
        'service',
        'request_id',
        'order_id',
        'exc_info',
        'timestamp',
      ],
    ]);
    expect(all.exc_info).to.contain('Error: refused');
    expect(all.timestamp).to.match(/^2026-01-2\dT.*\.123000\+00:00$/);
  });
});
