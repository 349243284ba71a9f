/** What every bridge to a logging library must keep, as one suite. */
import { expect } from 'chai';
import type { Bridge } from '../../instrumentation/bridge.ts';
import type { BridgeName } from '../../src/config/config.ts';
import { activeContext, runIn } from '../../src/context/context.ts';
import { suppressed } from '../../src/context/suppression.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { describeError } from '../../src/logs/error-shape.ts';
import { addSink } from '../../src/logs/pipeline.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { type BridgedOptions, type BridgedProcess, bridged } from './bridged.ts';

/** A logger of the library that writes to `lines`; a method the library has not is absent. */
export interface LoggerUnderTest {
  readonly lines: readonly string[];
  /** A record at the level that `given.level` names. */
  log(message: string, fields?: Record<string, unknown>): void;
  fail?(error: Error): void;
  /** A record below that level. */
  whisper?(message: string): void;
}

export interface BridgeCase {
  readonly name: BridgeName;
  readonly make: (bridge: Bridge) => Instrumentation;
  /** A fresh logger named `shop.orders`, if the library names loggers. */
  readonly open: () => LoggerUnderTest;
  readonly logger: string;
  /** Level of `log()` as Sonde calls it. */
  readonly level: string;
  /** Whether fields arrive as fields. */
  readonly fields: boolean;
  /** Whether the line shows ids that are injected. */
  readonly visible: boolean;
  /** Objects that are patched. */
  readonly patched?: () => readonly object[];
}

function membersOf(target: object): unknown[] {
  return Reflect.ownKeys(target).map((key) => [key, Object.getOwnPropertyDescriptor(target, key)?.value]);
}

/** Declares the suite; call it inside the `describe` of the bridge. */
export function bridgeContract(given: BridgeCase): void {
  describe('keeps the contract of a bridge', () => {
    let process: BridgedProcess | undefined;
    const start = (options?: BridgedOptions): BridgedProcess => {
      process = bridged(given.name, given.make, options);
      return process;
    };
    const only = (lines: readonly string[]): string => {
      expect(lines).to.have.length(1);
      return lines[0]!;
    };

    afterEach(async () => {
      setLevel('shop', undefined);
      await process?.stop();
      process = undefined;
    });

    it('hands on one record with the ids of its work, already printed (A19)', () => {
      const { records, within } = start();
      const { log, lines } = given.open();
      within('order-7', (span) => {
        log('order created', given.fields ? { orderId: 7 } : undefined);
        const { traceId, spanId } = span.spanContext();
        expect(records).to.have.length(1);
        expect(records[0]!.stamp).to.include({ traceId, spanId, correlationId: 'order-7' });
      });
      const [record] = records;
      expect(record).to.include({ level: given.level, logger: given.logger, message: 'order created' });
      expect(record?.printed).to.equal(true);
      if (given.fields) expect(record?.fields).to.include({ orderId: 7 });
      expect(record?.fields ?? {}).to.not.have.any.keys(
        'trace_id',
        'span_id',
        'level',
        'msg',
        'message',
        'time',
      );
      expect(lines).to.have.length(1);
    });

    it('injects the ids into the line that the library prints', () => {
      const { within } = start();
      const { log, lines } = given.open();
      within('order-7', (span) => {
        log('order created');
        const line = only(lines);
        if (!given.visible) return;
        expect(line).to.include(span.spanContext().traceId).and.include(span.spanContext().spanId);
        expect(line).to.include('order-7').and.include('trace_flags');
      });
    });

    it('gives each unit of work its own ids, and none outside of any', () => {
      const { records, within } = start();
      const { log, lines } = given.open();
      within('a', () => log('first'));
      within('b', () => log('second'));
      log('third');
      expect(records.map(({ stamp }) => stamp.correlationId)).to.deep.equal(['a', 'b', undefined]);
      expect(lines[2]).to.not.include('trace_id').and.not.include('correlation_id');
    });

    it('sends without injecting', () => {
      const { records, within } = start({ ways: ['send'] });
      const { log, lines } = given.open();
      within('order-7', () => log('order created'));
      expect(records).to.have.length(1);
      expect(only(lines)).to.not.include('order-7');
    });

    it('injects without sending', () => {
      const { records, within } = start({ ways: ['inject'] });
      const { log, lines } = given.open();
      within('order-7', () => log('order created'));
      expect(records).to.have.length(0);
      if (given.visible) expect(only(lines)).to.include('order-7');
    });

    it('sends nothing below its level, and injects all the same', () => {
      const { records, within } = start({ level: `trace,${given.name}=fatal` });
      const { log, lines } = given.open();
      within('order-7', () => log('order created'));
      expect(records).to.have.length(0);
      if (given.visible) expect(only(lines)).to.include('order-7');
    });

    if (given.logger.startsWith('shop')) {
      it('heeds a level that is set for the name of the logger', () => {
        const { records } = start();
        setLevel('shop', 'off');
        given.open().log('order created');
        expect(records).to.have.length(0);
      });
    }

    // `console` has no level of its own to be quiet by.
    if (given.name !== 'console') {
      it('does not hand on what the library itself keeps quiet', () => {
        const { records } = start();
        const { whisper, lines } = given.open();
        whisper!('nothing to see');
        expect([records.length, lines.length]).to.deep.equal([0, 0]);
      });
    }

    // `console` has tests of its own for errors; `debug` takes them as values to print.
    if (given.name !== 'console' && given.name !== 'debug')
      it('keeps the type, message and stack of an error', () => {
        const { records } = start();
        const { fail } = given.open();
        const error = new RangeError('no funds');
        fail!(error);
        expect(records).to.have.length(1);
        expect(describeError(records[0]!.error)).to.include({
          type: 'RangeError',
          message: 'no funds',
          stack: error.stack,
        });
        expect(records[0]!.message).to.equal('no funds');
      });

    it('serves a logger that was made before', () => {
      const { log } = given.open();
      const { records } = start();
      log('order created');
      expect(records).to.have.length(1);
    });

    it('makes no record of what is said while one is on its way, nor in a suppressed context', () => {
      const { records } = start();
      const inner = given.open();
      addSink(() => inner.log('a record came'));
      given.open().log('order created');
      runIn(suppressed(activeContext()), () => given.open().log('export failed'));
      expect(records.map(({ message }) => message)).to.deep.equal(['order created']);
      expect(inner.lines.filter((line) => line.includes('a record came'))).to.have.length(1);
    });

    it('leaves nothing behind when disarmed, and can be armed again', async () => {
      const { log, lines } = given.open();
      const targets = given.patched?.() ?? [];
      const before = targets.map(membersOf);
      const first = start();
      if (targets.length > 0) expect(targets.map(membersOf)).to.not.deep.equal(before);
      await first.stop();
      expect(targets.map(membersOf)).to.deep.equal(before);
      first.within('order-7', () => log('order created'));
      expect(first.records).to.have.length(0);
      expect(only(lines)).to.not.include('order-7');
      const second = start();
      log('order created');
      expect(second.records).to.have.length(1);
    });
  });
}
