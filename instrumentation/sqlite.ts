/** `node:sqlite`: one span per executed statement. The module is patched in place, whenever the app loads it. */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Instrumentation } from '../src/instrumentation.ts';
import { type Database, type DatabaseTarget, databaseSensor } from './database.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import { faultOf, namespaceOf, noRows, patchExecution, run, type Start } from './sqlite-execution.ts';

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
  const done = patches();
  return {
    name: 'sqlite',
    modules: ['node:sqlite'],
    patch(exports, _specifier, sensors) {
      done.add(...patchSqlite(exports, databaseSensor(sensors)));
    },
    disable: done.undo,
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
    const target = targets.get(db) ?? { system, namespace: namespaceIn(db) };
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
      return run(call, () => original.apply(this, args), noRows);
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

function namespaceIn(db: DatabaseSync): string | undefined {
  try {
    const path = (db as { location?: () => string | null }).location?.();
    return path === undefined ? undefined : namespaceOf(path);
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
