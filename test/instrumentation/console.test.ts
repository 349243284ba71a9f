import { Console } from 'node:console';
import { join } from 'node:path';
import { format } from 'node:util';
import { expect } from 'chai';
import { consoleBridge } from '../../instrumentation/console.ts';
import { bridgeContract } from '../support/bridge-contract.ts';
import { type BridgedProcess, bridged, lineSink } from '../support/bridged.ts';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';

const register = join(import.meta.dirname, '../../dist/register.cjs');

/** A console that prints into a list; all consoles of the process speak through the same channels. */
function open() {
  const { stream, lines } = lineSink();
  return { console: new Console(stream), lines };
}

describe('console', () => {
  let process: BridgedProcess;
  const start = (): BridgedProcess => {
    process = bridged('console', consoleBridge);
    return process;
  };

  afterEach(async () => process?.stop());

  bridgeContract({
    name: 'console',
    make: consoleBridge,
    logger: 'console',
    level: 'INFO',
    fields: false,
    visible: true,
    open() {
      const { console, lines } = open();
      return { lines, log: (message) => console.log(message) };
    },
  });

  it('makes exactly one record of console.warn, without recursion (A19)', () => {
    const { records } = start();
    const { console, lines } = open();
    console.warn('x');
    expect(records.map(({ level, message }) => [level, message])).to.deep.equal([['WARN', 'x']]);
    expect(lines).to.deep.equal(['x']);
  });

  it('maps each method to its level (A20)', () => {
    const { records } = start();
    const { console } = open();
    for (const method of ['log', 'info', 'debug', 'warn', 'error'] as const) console[method](method);
    console.assert(false, 'assert');
    console.trace('trace');
    console.dir('not a message');
    expect(records.map(({ level }) => level)).to.deep.equal([
      'INFO',
      'INFO',
      'DEBUG',
      'WARN',
      'ERROR',
      'WARN',
      'ERROR',
    ]);
  });

  it('names the source file and line of the call (A20)', () => {
    const { records } = start();
    const { console } = open();
    console.log('hello');
    console.assert(false, 'hello');
    for (const { fields } of records) {
      expect(fields?.['code.file.path']).to.equal(import.meta.filename);
      expect(fields?.['code.line.number']).to.be.a('number');
    }
  });

  it('renders what is printed, and finds an error among it', () => {
    const { records } = start();
    const { console } = open();
    const error = new TypeError('boom');
    console.log('%s has %d of %o', 'cart', 2, { a: 1 }, 'left');
    console.error('charge failed:', error);
    console.error(error);
    expect(records[0]?.message).to.equal(format('%s has %d of %o', 'cart', 2, { a: 1 }, 'left'));
    expect(records.slice(1).map(({ message }) => message)).to.deep.equal(['charge failed: boom', 'boom']);
    expect(records[1]?.error).to.equal(error);
  });

  it('injects ids into a JSON line as members, into any other as text', () => {
    const { within } = start();
    const { console, lines } = open();
    within('order-7', () => {
      console.log(JSON.stringify({ a: 1 }));
      console.log('hello %s', 'you');
    });
    expect(JSON.parse(lines[0]!)).to.include({ a: 1, correlation_id: 'order-7' });
    expect(lines[1]).to.match(
      /^hello you trace_id=\w{32} span_id=\w{16} trace_flags=01 correlation_id=order-7$/,
    );
  });

  for (const { name, path } of nodeVersions()) {
    it(`prints once and byte for byte what it printed before (A20, Node ${name})`, async () => {
      const code = `console.log('a', { b: 1 }); console.warn('w\\n'); console.log('%s', 'x');`;
      const run = (flags: string[]) =>
        runNode([...flags, '--eval', code], { node: path, env: { SONDE_OTLP: 'off' } });
      const [bare, seen] = [await run([]), await run(['--require', register])];
      expect([seen.stdout, seen.stderr]).to.deep.equal([bare.stdout, bare.stderr]);
    }).timeout(30_000);
  }
});
