/** What both SQLite drivers have in common: a statement is executed while the app waits, or iterated row by row. */
import { basename } from 'node:path';
import type { DatabaseCall, DatabaseFault } from './database.ts';
import { override } from './override.ts';

type Method = (this: any, ...args: any[]) => any;

/** Begins the call of one execution; `receiver` is the statement, or what else has these methods. */
export type Start = (receiver: any, args: any[]) => DatabaseCall | undefined;

/** The four methods that execute. */
export function patchExecution(prototype: object, start: Start): (() => void)[] {
  const execute =
    (rows: (result: any) => number | undefined) =>
    (original: Method): Method =>
      function (this: unknown, ...args) {
        return run(start(this, args), () => original.apply(this, args), rows);
      };

  const iterate = (original: Method): Method =>
    function (this: unknown, ...args) {
      const call = start(this, args);
      const iterator = run(call, () => original.apply(this, args));
      return call === undefined ? iterator : follow(iterator, call);
    };

  return [
    override<Method>(prototype, 'run', execute(noRows)),
    override<Method>(
      prototype,
      'get',
      execute((row) => (row === undefined ? 0 : 1)),
    ),
    override<Method>(
      prototype,
      'all',
      execute((rows) => rows.length),
    ),
    override<Method>(prototype, 'iterate', iterate),
  ];
}

export const noRows = (): undefined => undefined;

/** Ends the call when `work` has returned, unless it goes on (`rows` absent). */
export function run<T>(
  call: DatabaseCall | undefined,
  work: () => T,
  rows?: (result: T) => number | undefined,
): T {
  if (call === undefined) return work();
  try {
    const result = work();
    if (rows !== undefined) call.end(rows(result));
    return result;
  } catch (error) {
    call.fail(faultOf(error));
    throw error;
  }
}

/** The span of an iteration lasts until the last row, an early `return`, or an error. */
function follow(iterator: Iterator<unknown>, call: DatabaseCall): Iterator<unknown> {
  const next = iterator.next;
  const stop = iterator.return;
  let rows = 0;
  const define = (name: string, value: Method) =>
    Object.defineProperty(iterator, name, { value, configurable: true, writable: true });
  define('next', (...args) => {
    const step = run(call, () => next.apply(iterator, args as []));
    if (step.done) call.end(rows);
    else rows += 1;
    return step;
  });
  if (stop === undefined) return iterator;
  define('return', (...args) => {
    const step = run(call, () => stop.apply(iterator, args as []));
    call.end(rows);
    return step;
  });
  return iterator;
}

/** The file's name without its folder, which says more about the machine than about the data. */
export function namespaceOf(path: string | null): string {
  if (path === null || path === '') return ':memory:';
  return basename(path.startsWith('file:') ? path.slice('file:'.length).replace(/[?#].*/s, '') : path);
}

/**
 * SQLite's result code: by number (`2067`) where the driver gives one, by name (`SQLITE_CONSTRAINT_UNIQUE`) otherwise.
 * Its messages may quote the statement: none is kept.
 */
export function faultOf(error: unknown): DatabaseFault {
  const { errcode, code, name } = (error ?? {}) as { errcode?: number; code?: string; name?: string };
  if (typeof errcode === 'number') return { type: String(errcode), statusCode: String(errcode) };
  if (code?.startsWith('SQLITE_')) return { type: code, statusCode: code };
  return { type: code ?? name ?? '_OTHER' };
}
