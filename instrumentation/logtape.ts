/**
 * LogTape 1 and 2. An ES module cannot be changed from outside, but all of LogTape's loggers are children of one root
 * that it keeps on `globalThis`, whichever of its builds was loaded first: the root shows their prototype. What the
 * app's configuration lets through to a sink is sent; an app that configures none says nothing here either.
 */
import type { Instrumentation } from '../src/instrumentation.ts';
import { jsonText } from '../src/logs/json-value.ts';
import { severity } from '../src/logs/levels.ts';
import { type Bridge, type Bridged, type Ids, missingIds, quietly, takeError } from './bridge.ts';
import { override } from './override.ts';

interface LogTapeRecord {
  readonly category: readonly string[];
  readonly level: string;
  /** Texts and values by turns. Made when it is first read, as the properties may be. */
  readonly message: readonly unknown[];
  readonly rawMessage: unknown;
  readonly timestamp: number;
  readonly properties: Record<string, unknown>;
}

interface Logger {
  readonly category: readonly string[];
  getSinks(level: string): Iterable<unknown>;
  isEnabledFor?(level: string): boolean;
}

type Emit = (this: Logger, record: LogTapeRecord, ...rest: unknown[]) => void;
type Filter = (this: Logger, record: LogTapeRecord) => boolean;

/** One record on its way through its logger. */
interface Emission {
  readonly logger: Logger;
  /** What the logger's filters said; `undefined` as long as they were not asked. */
  passed?: boolean;
}

const rootKey = Symbol.for('logtape.rootLogger');
const severities: Readonly<Record<string, number>> = {
  ...{ trace: severity.TRACE, debug: severity.DEBUG, info: severity.INFO },
  ...{ warning: severity.WARN, error: severity.ERROR, fatal: severity.FATAL },
};

export function logtape(bridge: Bridge): Instrumentation {
  const undo: (() => void)[] = [];
  const patch = (root: object): void => {
    const prototype = Object.getPrototypeOf(root);
    let current: Emission | undefined;
    const emit = 'emitResolved' in prototype ? 'emitResolved' : 'emit';
    undo.push(
      override<Filter>(
        prototype,
        'filter',
        (original) =>
          function (record) {
            const passed = original.call(this, record);
            if (current?.logger === this) current.passed = passed;
            return passed;
          },
      ),
      override<Emit>(
        prototype,
        emit,
        (original) =>
          function (record, ...rest) {
            const outer = current;
            const emission: Emission = { logger: this };
            current = emission;
            const ids = bridge.ids();
            try {
              quietly(() => original.call(this, ids === undefined ? record : withIds(record, ids), ...rest));
            } finally {
              current = outer;
            }
            bridge.guard(() => send(record, emission, bridge));
          },
      ),
    );
  };
  return {
    name: 'logtape',
    modules: [],
    enable() {
      const root = (globalThis as Record<symbol, unknown>)[rootKey];
      if (typeof root === 'object' && root !== null) patch(root);
      else undo.push(whenRooted((made) => bridge.guard(() => patch(made))));
    },
    disable() {
      for (const restore of undo.splice(0).reverse()) restore();
    },
  };
}

/** Calls `meet` when LogTape puts its root where all of its copies find it. */
function whenRooted(meet: (root: object) => void): () => void {
  const take = (root: object): void => {
    Object.defineProperty(globalThis, rootKey, {
      ...{ value: root, configurable: true, enumerable: true, writable: true },
    });
    meet(root);
  };
  const trap = { get: () => undefined, set: take, configurable: true, enumerable: false };
  Object.defineProperty(globalThis, rootKey, trap);
  return () => {
    if (Object.getOwnPropertyDescriptor(globalThis, rootKey)?.set === take) {
      delete (globalThis as Record<symbol, unknown>)[rootKey];
    }
  };
}

function send(record: LogTapeRecord, emission: Emission, bridge: Bridge): void {
  const { level } = record;
  if (isTaken(emission, level)) {
    bridge.send(severities[level] ?? severity.INFO, () => understood(record, emission.logger));
  }
}

/** Filters are not asked a second time: some count. Inside `withConfig` they are not the logger's at all. */
function isTaken({ logger, passed }: Emission, level: string): boolean {
  if (passed === undefined) return logger.isEnabledFor?.(level) === true;
  if (!passed) return false;
  for (const _sink of logger.getSinks(level)) return true;
  return false;
}

/** A copy as LogTape makes them, lazy where the record is; the message stays as it is without the ids. */
function withIds(record: LogTapeRecord, ids: Ids): LogTapeRecord {
  let properties: Record<string, unknown> | undefined;
  const all = (): Record<string, unknown> => {
    const own = record.properties;
    properties ??= { ...missingIds(ids, (name) => own[name] !== undefined), ...own };
    return properties;
  };
  const visible = { enumerable: true, configurable: true };
  return Object.defineProperties({} as LogTapeRecord, {
    ...Object.getOwnPropertyDescriptors(record),
    message: { get: () => record.message, ...visible },
    properties: { get: all, ...visible },
  });
}

function understood(record: LogTapeRecord, logger: Logger): Bridged {
  const fields = { ...record.properties };
  return {
    message: record.rawMessage === '{*}' ? '' : record.message.map(plain).join(''),
    logger: (record.category ?? logger.category).join('.'),
    fields,
    error: takeError(fields, ['error', 'err', 'exception']),
    time: record.timestamp,
  };
}

function plain(part: unknown): string {
  return typeof part === 'string' ? part : (jsonText(part) ?? '');
}
