/**
 * log4js 6. Its logger class is not exported, so the first logger shows the prototype. Ids go into the event's
 * context, where layouts find them: `%X{trace_id}`.
 */
import { format } from 'node:util';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isError } from '../src/logs/error-shape.ts';
import { severity } from '../src/logs/levels.ts';
import { type Bridge, type Bridged, quietly } from './bridge.ts';
import { severitiesOf } from './bridge-levels.ts';
import { override } from './override.ts';

interface Level {
  readonly level: number;
  readonly levelStr: string;
}

interface Logger {
  readonly category: string;
  readonly useCallStack: boolean;
  context: Record<string, unknown>;
  callStackSkipIndex: number;
}

type Log = (this: Logger, level: Level, data: readonly unknown[]) => void;
type GetLogger = (category?: string) => Logger;

export function log4js(bridge: Bridge): Instrumentation {
  const undo: (() => void)[] = [];
  let patched = new WeakSet<object>();
  return {
    name: 'log4js',
    modules: ['log4js'],
    patch(exports) {
      const numbers = severitiesOfLevels(exports.levels.levels);
      const meet = (logger: Logger): Logger => {
        const prototype = Object.getPrototypeOf(logger);
        if (!patched.has(prototype)) {
          patched.add(prototype);
          undo.push(override<Log>(prototype, '_log', (original) => bridged(original, bridge, numbers)));
        }
        return logger;
      };
      // Asked for a logger, an unconfigured log4js configures itself; one that is configured may have loggers.
      if (exports.isConfigured?.()) meet(exports.getLogger());
      undo.push(
        override<GetLogger>(
          exports,
          'getLogger',
          (original) =>
            function (this: unknown, category) {
              return meet(original.call(this, category));
            },
        ),
      );
    },
    disable() {
      for (const restore of undo.splice(0).reverse()) restore();
      patched = new WeakSet();
    },
  };
}

/** `MARK` is written whatever the level; it tells a moment, not a trouble. */
function severitiesOfLevels(levels: readonly Level[]): (level: Level) => number {
  const own = levels.filter(({ levelStr }) => !['ALL', 'MARK', 'OFF'].includes(levelStr));
  const numbers = severitiesOf(Object.fromEntries(own.map(({ levelStr, level }) => [levelStr, level])));
  return ({ levelStr }) => numbers.get(levelStr) ?? severity.INFO;
}

/** log4js cuts its call stacks by number; these stand between its method and its caller: `quietly` and two functions. */
const ownFrames = 3;

function bridged(original: Log, bridge: Bridge, severityOf: (level: Level) => number): Log {
  return function (level, data) {
    const { context, callStackSkipIndex } = this;
    const ids = bridge.ids();
    bridge.guard(() => bridge.send(severityOf(level), () => understood(this, data)));
    const isDeeper = this.useCallStack && !data.some(isError);
    if (ids !== undefined) this.context = { ...ids, ...context };
    if (isDeeper) this.callStackSkipIndex = callStackSkipIndex + ownFrames;
    try {
      quietly(() => original.call(this, level, data));
    } finally {
      this.context = context;
      if (isDeeper) this.callStackSkipIndex = callStackSkipIndex;
    }
  };
}

function understood({ category, context }: Logger, data: readonly unknown[]): Bridged {
  const error = data.find(isError);
  const isAlone = error !== undefined && data.length === 1;
  return {
    message: isAlone ? error.message : format(...data.map((part) => (isError(part) ? part.message : part))),
    logger: category,
    fields: { ...context },
    error,
  };
}
