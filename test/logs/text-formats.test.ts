import { expect } from 'chai';
import { wantsColor } from '../../src/config/early.ts';
import { lineFormat } from '../../src/logs/format.ts';
import { logfmtFormat } from '../../src/logs/logfmt-format.ts';
import { prettyFormat } from '../../src/logs/pretty-format.ts';
import { recordWith } from './captured.ts';

const plain = prettyFormat({ colors: false });
const stamp = {
  traceId: '1234abcd16cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  traceFlags: 1,
  correlationId: '1234abcd16cd43dd8448eb211c80319c',
  requestId: undefined,
  attributes: { 'user.id': 4 },
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with one
const colour = /\u001b\[(\d+)m/g;
const commands = /[^\P{C}\n]/u;

describe('the pretty line', () => {
  it('is time, level, logger, message, fields and short ids', () => {
    const text = plain(recordWith({ stamp, fields: { orderId: 1042, note: 'two words', nested: { a: 1 } } }));
    expect(text.replace(/^[\d:.]{12}/, 'TIME')).to.equal(
      'TIME INFO   shop.orders  order created  user.id=4  orderId=1042  note="two words"  nested={"a":1}  trace=1234abcd',
    );
    expect(text).to.match(/^\d\d:30:00\.123 /);
  });

  it('shows a correlation id that is not the trace id', () => {
    expect(plain(recordWith({ stamp: { ...stamp, correlationId: 'req-7' } }))).to.contain(
      'trace=1234abcd  id=req-7',
    );
  });

  it('puts the stack under the line: own frames first, causes by name', () => {
    const error = new TypeError('bad', { cause: new Error('why') });
    error.stack =
      'TypeError: bad\n    at f (node:fs:1:1)\n    at g (/app/src/a.ts:1:2)\n    at h (/app/node_modules/x/i.js:1:1)';
    error.cause = Object.assign(new Error('why'), { stack: 'Error: why\n    at k (/app/src/k.ts:1:1)' });
    expect(plain(recordWith({ error })).split('\n').slice(1)).to.eql([
      '    TypeError: bad',
      '      at g (/app/src/a.ts:1:2)',
      '      at f (node:fs:1:1)',
      '      at h (/app/node_modules/x/i.js:1:1)',
      '    caused by: Error: why',
      '      at k (/app/src/k.ts:1:1)',
    ]);
  });

  it('colours levels, and lets no command of the data reach the terminal', () => {
    const colored = prettyFormat({ colors: true });
    const attack = '\u001b[2J\u009b1m\u0007\u202ex';
    const text = colored(
      recordWith({
        level: 'ERROR',
        message: attack,
        logger: attack,
        fields: { [attack]: attack },
        error: attack,
      }),
    );
    const codes = [...text.matchAll(colour)].map(([, code]) => code);
    expect(new Set(codes)).to.eql(new Set(['0', '1', '2', '31', '36']));
    expect(text.replaceAll(colour, '')).to.not.match(commands);
  });

  it('has a colour for each level', () => {
    const colored = prettyFormat({ colors: true });
    const levels = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'] as const;
    const codes = levels.map((level) => [...colored(recordWith({ level })).matchAll(colour)][2]![1]);
    expect(codes).to.eql(['90', '36', '32', '33', '31', '35']);
  });

  it('has colours as NO_COLOR and FORCE_COLOR say', () => {
    expect(wantsColor(true, {})).to.equal(true);
    expect(wantsColor(false, {})).to.equal(false);
    expect(wantsColor(true, { NO_COLOR: '1', FORCE_COLOR: '1' })).to.equal(false);
    expect(wantsColor(true, { NO_COLOR: '' })).to.equal(true);
    expect(wantsColor(false, { FORCE_COLOR: '1' })).to.equal(true);
    expect(wantsColor(true, { FORCE_COLOR: '0' })).to.equal(false);
    expect(wantsColor(true, { TERM: 'dumb' })).to.equal(false);
  });
});

describe('the logfmt line', () => {
  it('has the names and order of the JSON line', () => {
    const text = logfmtFormat()(
      recordWith({ stamp, fields: { orderId: 1042, note: 'a "b"', empty: '', level: 'x' } }),
    );
    expect(text).to.equal(
      'timestamp=2026-01-21T10:30:00.123Z level=INFO logger=shop.orders message="order created" ' +
        'trace_id=1234abcd16cd43dd8448eb211c80319c span_id=b7ad6b7169203331 trace_flags=01 ' +
        'correlation_id=1234abcd16cd43dd8448eb211c80319c user.id=4 orderId=1042 note="a \\"b\\"" empty="" ' +
        'attributes.level=x',
    );
  });
});

describe('the format auto', () => {
  it('is pretty on a terminal and JSON lines otherwise', () => {
    expect(lineFormat('auto', false)(recordWith())).to.match(/^\{"timestamp"/);
    expect(lineFormat('auto', true)(recordWith())).to.contain('order created').and.not.match(/^\{/);
    expect(lineFormat('json', true)(recordWith())).to.match(/^\{"timestamp"/);
    expect(lineFormat('logfmt', true)(recordWith())).to.match(/^timestamp=/);
  });
});
