/**
 * winston 3, through the prototype of all its loggers: ids go in before its formats, the record is taken behind them,
 * so that what a format masks or drops is masked or dropped for everyone.
 */
import { format, stripVTControlCharacters } from 'node:util';
import type { Context } from '@opentelemetry/api';
import { activeContext } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isError } from '../src/logs/error-shape.ts';
import { now } from '../src/logs/time.ts';
import {
  type Bridge,
  type Bridged,
  type Ids,
  missingIds,
  quietly,
  restoredError,
  takeError,
} from './bridge.ts';
import { severitiesOf } from './bridge-levels.ts';
import { override } from './override.ts';

type Method = (this: any, ...args: any[]) => any;
type Info = Record<PropertyKey, any>;

/** What is read of a `winston.Logger`. */
interface Logger {
  readonly levels: Readonly<Record<string, number>>;
  readonly silent?: boolean;
  isLevelEnabled(level: string): boolean;
}

/** A record at the moment of its call: a busy stream may transform it later, in anybody's context. */
interface Born {
  readonly context: Context;
  readonly time: number;
  readonly error: unknown;
}

/** A record on its way through the formats. */
interface Passing extends Born {
  readonly logger: Logger;
  readonly level: string;
  readonly message: unknown;
}

const levelKey = Symbol.for('level');
const splatKey = Symbol.for('splat');

export function winston(bridge: Bridge): Instrumentation {
  const undo: (() => void)[] = [];
  return {
    name: 'winston',
    modules: ['winston'],
    patch(exports) {
      undo.push(...patchLogger(exports.Logger.prototype, bridge));
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}

function patchLogger(prototype: object, bridge: Bridge): (() => void)[] {
  const births = new WeakMap<object, Born>();
  let passing: Passing | undefined;

  const write = (original: Method): Method =>
    function (info, ...rest) {
      let given = info;
      bridge.guard(() => {
        if (typeof info !== 'object' || info === null) return;
        given = withIds(
          info,
          missingIds(bridge.ids(), (name) => info[name] !== undefined),
        );
        births.set(given, { context: activeContext(), time: now(), error: errorOf(info) });
      });
      return original.call(this, given, ...rest);
    };

  const transform = (original: Method): Method =>
    function (this: Logger, info, ...rest) {
      const outer = passing;
      passing = undefined;
      bridge.guard(() => {
        const born = births.get(info) ?? { context: activeContext(), time: now(), error: errorOf(info) };
        const { message } = info;
        passing = { ...born, logger: this, level: info[levelKey] ?? info.level, message };
      });
      try {
        return original.call(this, info, ...rest);
      } finally {
        passing = outer;
      }
    };

  // The stream's own end comes this way too, as `null`, and what a format drops as `false`.
  const push = (original: Method): Method =>
    function (info, ...rest) {
      const record = passing;
      passing = undefined;
      if (record !== undefined && record.logger === this && typeof info === 'object' && info !== null) {
        bridge.guard(() => hand(info, record, bridge));
      }
      return quietly(() => original.call(this, info, ...rest));
    };

  return [
    override<Method>(prototype, 'write', write),
    override<Method>(prototype, '_transform', transform),
    override<Method>(prototype, 'push', push),
  ];
}

/** A copy: the object may be the app's own, and be logged again by somebody else. */
function withIds(info: Info, ids: Ids | undefined): Info {
  if (ids === undefined) return info;
  if (!isError(info)) return { ...info, ...ids };
  const { message, stack } = info as Error;
  const hidden = { writable: true, configurable: true };
  const copy = Object.create(Object.getPrototypeOf(info), {
    ...Object.getOwnPropertyDescriptors(info),
    message: { ...hidden, value: message },
    stack: { ...hidden, value: stack },
  });
  return Object.assign(copy, ids);
}

function errorOf(info: Info): unknown {
  return [info, info.message, ...(Array.isArray(info[splatKey]) ? info[splatKey] : [])].find(isError);
}

const severities = new WeakMap<object, ReadonlyMap<string, number>>();

function severityOf({ levels }: Logger, level: string): number | undefined {
  let numbers = severities.get(levels);
  if (numbers === undefined) {
    numbers = severitiesOf(levels);
    severities.set(levels, numbers);
  }
  return numbers.get(level);
}

function hand(info: Info, passing: Passing, bridge: Bridge): void {
  const { logger, level, context } = passing;
  const number = severityOf(logger, level);
  // The loggers of winston let everything through; its transports are who looks at levels.
  if (number === undefined || logger.silent || !logger.isLevelEnabled(level)) return;
  bridge.send(number, () => understood(info, passing), context);
}

function understood(info: Info, passing: Passing): Bridged {
  const { level, message = passing.message, ...fields } = info as Record<string, unknown>;
  const { stack, cause } = fields;
  const told = takeError(fields, ['err', 'error']) ?? passing.error;
  const error = told ?? restoredError({ message: textOf(message), stack, cause });
  if (error !== undefined) {
    delete fields.stack;
    delete fields.cause;
  }
  const name = info.label ?? info.service;
  return {
    message: textOf(message),
    logger: typeof name === 'string' ? name : undefined,
    // Without winston's own symbols, which hold the finished line.
    fields: Object.fromEntries(Object.entries(fields)),
    error,
    time: passing.time,
  };
}

function textOf(message: unknown): string {
  if (isError(message)) return message.message;
  return stripVTControlCharacters(typeof message === 'string' ? message : format(message ?? ''));
}
