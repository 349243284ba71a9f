/**
 * What nobody caught: one FATAL record, and the process ends, or lives on, as it would have (A34). Nothing here counts
 * as handling: a listener of `uncaughtExceptionMonitor` does not, and one of `unhandledRejection` is there only where
 * it changes nothing.
 */
import { type Context, trace } from '@opentelemetry/api';
import { nodeOptions } from '../config/env.ts';
import { activeContext, thrownIn } from '../context/context.ts';
import { diagnostics } from '../diagnostics.ts';
import { recordError } from '../traces/span-error.ts';
import { severity } from './levels.ts';
import { emitOwn } from './own-record.ts';
import { reportError } from './report.ts';
import { passes } from './tree.ts';

const logger = 'sonde.process';
const rejection = 'unhandledRejection';

/**
 * Listens from now on. What ends the process, or is left to the app's `uncaughtException` handler, is FATAL, also when
 * the app has told the error before (then it is marked as seen). A rejection that the process survives is ERROR.
 * Gives back a function that removes every listener.
 */
export function watchUncaught(): () => void {
  process.on('uncaughtExceptionMonitor', onUncaught);
  const unwatch = watchRejections(modeOf([...nodeOptions().split(/\s+/), ...process.execArgv]));
  return () => {
    process.off('uncaughtExceptionMonitor', onUncaught);
    unwatch();
  };
}

/** A throw in here would change the exit code. */
function guarded(tell: () => void): void {
  try {
    tell();
  } catch {
    diagnostics.count('logs.call_errors');
  }
}

function onUncaught(error: unknown, origin: NodeJS.UncaughtExceptionOrigin): void {
  guarded(() => {
    const isRejection = origin === rejection;
    const context = isRejection ? activeContext() : thrownIn();
    markSpan(context, error);
    if (!passes(logger, severity.FATAL)) return;
    emitOwn({
      logger,
      level: 'FATAL',
      message: isRejection ? 'Unhandled rejection' : 'Uncaught exception',
      error: error === undefined ? 'undefined' : error,
      context,
    });
  });
}

function onRejection(reason: unknown): void {
  guarded(() => {
    markSpan(activeContext(), reason);
    reportError({
      logger,
      message: 'Unhandled rejection',
      error: reason === undefined ? 'undefined' : reason,
    });
  });
}

function markSpan(context: Context, error: unknown): void {
  const span = trace.getSpan(context);
  if (span?.isRecording() === true) recordError(span, error);
}

/** As Node reads it: the last one holds, and the command line stands behind the environment. */
function modeOf(options: readonly string[]): string {
  let mode = 'throw';
  for (const [i, option] of options.entries()) {
    if (option === '--unhandled-rejections') mode = options[i + 1] ?? mode;
    else if (option.startsWith('--unhandled-rejections='))
      mode = option.slice('--unhandled-rejections='.length);
  }
  return mode;
}

function watchRejections(mode: string): () => void {
  // There every rejection is an uncaught exception first.
  if (mode === 'strict') return () => {};
  // There a listener changes nothing: Node warns all the same, or says nothing all the same.
  if (mode === 'warn' || mode === 'none') {
    process.prependListener(rejection, onRejection);
    return () => process.off(rejection, onRejection);
  }
  return joinHandlers();
}

/** Without a handler the process dies, which the monitor sees; so ours is there only beside one of the app's. */
function joinHandlers(): () => void {
  const join = (name: string | symbol, listener?: unknown): void => {
    if (name !== rejection || listener === onRejection || isJoined()) return;
    process.prependListener(rejection, onRejection);
  };
  const leave = (name: string | symbol): void => {
    if (name === rejection && isJoined() && process.listenerCount(rejection) === 1)
      process.off(rejection, onRejection);
  };
  if (process.listenerCount(rejection) > 0) join(rejection);
  process.on('newListener', join);
  process.on('removeListener', leave);
  return () => {
    process.off('newListener', join);
    process.off('removeListener', leave);
    process.off(rejection, onRejection);
  };
}

function isJoined(): boolean {
  return process.listeners(rejection).includes(onRejection);
}
