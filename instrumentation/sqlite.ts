/** `node:sqlite`: one span per executed statement. The module is patched in place, whenever the app loads it. */
import { basename } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Instrumentation } from '../src/instrumentation.ts';
import {
  type Database,
  type DatabaseCall,
  type DatabaseFault,
  type DatabaseTarget,
  databaseSensor,
} from './database.ts';
import { override } from './override.ts';

type Method = (this: any, ...args: any[]) => any;

const system = 'sqlite';
/** For statements prepared before Sonde came: their database cannot be asked for. */
const unknownTarget: DatabaseTarget = { system };

interface Origin {
  readonly target: DatabaseTarget;
  readonly text: string;
}

/** `node:sqlite`, which no channel and no other instrumentation covers. */
export function sqlite(): Instrumentation {
  const undo: (() => void)[] = [];
  return {
    name: 'sqlite',
    modules: ['node:sqlite'],
    patch(exports, _specifier, sensors) {
      undo.push(...patchSqlite(exports, databaseSensor(sensors)));
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}

function patchSqlite(
  exports: { DatabaseSync: typeof DatabaseSync; StatementSync: typeof StatementSync },
  database: Database,
): (() => void)[] {
  const targets = new WeakMap<DatabaseSync, DatabaseTarget>();
  /** Which database a statement or tag store came from, and the statement's text. */
  const origins = new WeakMap<object, Origin>();

  function targetOf(db: DatabaseSync): DatabaseTarget {
    const target = targets.get(db) ?? { system, namespace: namespaceOf(db) };
    if (target.namespace !== undefined) targets.set(db, target);
    return target;
  }

  const startStatement: Start = (statement: StatementSync) => {
    const { target, text } = origins.get(statement) ?? { target: unknownTarget, text: sourceOf(statement) };
    return database.start(target, text);
  };

  const startTagged: Start = (store, [strings]) => {
    const { target } = origins.get(store) ?? { target: unknownTarget };
    return Array.isArray(strings) ? database.start(target, strings.join('?')) : undefined;
  };

  const exec = (original: Method): Method =>
    function (this: DatabaseSync, ...args) {
      const call = typeof args[0] === 'string' ? database.start(targetOf(this), args[0]) : undefined;
      return run(call, () => original.apply(this, args), nothing);
    };

  // A statement that cannot be prepared is never executed; its failure is told all the same.
  const prepare = (original: Method): Method =>
    function (this: DatabaseSync, ...args) {
      try {
        const statement = original.apply(this, args);
        origins.set(statement, { target: targetOf(this), text: args[0] });
        return statement;
      } catch (error) {
        if (typeof args[0] === 'string') database.start(targetOf(this), args[0])?.fail(faultOf(error));
        throw error;
      }
    };

  // Its methods run statements of their own, which pass no prototype of the module.
  const createTagStore = (original: Method): Method =>
    function (this: DatabaseSync, ...args) {
      const store = original.apply(this, args);
      if (undoTags.length === 0) undoTags = patchExecution(Object.getPrototypeOf(store), startTagged);
      origins.set(store, { target: targetOf(this), text: '' });
      return store;
    };
  let undoTags: (() => void)[] = [];

  const db = exports.DatabaseSync.prototype;
  return [
    override<Method>(db, 'exec', exec),
    override<Method>(db, 'prepare', prepare),
    override<Method>(db, 'createTagStore', createTagStore),
    ...patchExecution(exports.StatementSync.prototype, startStatement),
    () => {
      for (const restore of undoTags) restore();
    },
  ];
}

type Start = (receiver: any, args: any[]) => DatabaseCall | undefined;

/** The four methods that execute, of statements and of tag stores. */
function patchExecution(prototype: object, start: Start): (() => void)[] {
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
    override<Method>(prototype, 'run', execute(nothing)),
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

const nothing = (): undefined => undefined;

/** Ends the call when `work` has returned, unless it goes on (`rows` absent). */
function run<T>(call: DatabaseCall | undefined, work: () => T, rows?: (result: T) => number | undefined): T {
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
function namespaceOf(db: DatabaseSync): string | undefined {
  try {
    const path = (db as { location?: () => string | null }).location?.();
    return path === undefined ? undefined : path === null || path === '' ? ':memory:' : basename(path);
  } catch {
    return undefined;
  }
}

function sourceOf(statement: StatementSync): string {
  try {
    return statement.sourceSQL;
  } catch {
    return '';
  }
}

/** SQLite's result code, e.g. `2067` for a unique constraint. Its messages may quote the statement: none is kept. */
function faultOf(error: unknown): DatabaseFault {
  const { errcode, code, name } = (error ?? {}) as { errcode?: number; code?: string; name?: string };
  if (typeof errcode !== 'number') return { type: code ?? name ?? '_OTHER' };
  return { type: String(errcode), statusCode: String(errcode) };
}
