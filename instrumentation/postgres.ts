/**
 * postgres.js: one span per query, however it is written and read. Its connections are inside closures, so that no
 * telemetry of it says which server was asked.
 */
import { type EventEmitter, errorMonitor } from 'node:events';
import { activeContext, bindTo, rootContext, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import type { Method } from './connection.ts';
import { type Database, type DatabaseCall, type DatabaseTarget, databaseSensor } from './database.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import { totalRows } from './returned-rows.ts';
import { faultOf } from './sqlstate.ts';

/** What is read of a query. It is a promise that starts when somebody waits for it. */
interface Query {
  readonly strings: readonly string[];
  readonly args: readonly unknown[];
  readonly tagged: boolean;
  readonly executed: boolean;
  forEachFn?: (...rows: any[]) => unknown;
  cursorFn?: (...rows: any[]) => unknown;
}

const target: DatabaseTarget = { system: 'postgresql' };
const deepest = 8;

/** PostgreSQL by `postgres` 3, CommonJS and ES modules alike. */
export function postgres(): Instrumentation {
  const done = patches();
  return {
    name: 'postgres',
    modules: ['postgres'],
    takesNamespaces: true,
    patch(exports, _specifier, sensors) {
      const prototype = queryPrototype(exports.default ?? exports);
      done.once(prototype, () => [
        override<Method>(prototype, 'handle', handleWith(databaseSensor(sensors))),
      ]);
    },
    disable: done.undo,
  };
}

/** The class is not exported. A query that nobody waits for is never sent, and opens no connection. */
function queryPrototype(make: (options: object) => (strings: TemplateStringsArray) => object): object {
  return Object.getPrototypeOf(make({ max: 1 })``);
}

function handleWith(database: Database): (original: Method) => Method {
  return (original) =>
    function (this: Query, ...args) {
      if (this.executed || isDriversOwn(this)) return original.apply(this, args);
      const caller = activeContext();
      const call = database.start(target, textOf(this), caller);
      if (this.forEachFn !== undefined) this.forEachFn = bindTo(caller, this.forEachFn);
      if (this.cursorFn !== undefined) this.cursorFn = bindTo(caller, this.cursorFn);
      if (call !== undefined) endWith(this, call);
      // What a first query opens outlives it; whoever waits for the answer goes on in a context of his own.
      return runIn(rootContext, () => original.apply(this, args));
    };
}

/** What every new connection asks first: the types that have arrays. */
function isDriversOwn({ tagged, strings }: Query): boolean {
  return !tagged && /\bfrom pg_catalog\.pg_type\b[^;]*\btyparray\b/s.test(strings[0] ?? '');
}

/** A text with its fragments, `$1` for each value. */
function textOf(query: Query, depth = 0): string {
  const { strings, args } = query;
  let text = strings[0] ?? '';
  for (let i = 1; i < strings.length; i++) text += `${argumentOf(args[i - 1], i, depth)}${strings[i]}`;
  return text;
}

function argumentOf(argument: any, position: number, depth: number): string {
  if (Array.isArray(argument?.strings) && depth < deepest) return textOf(argument, depth + 1);
  const isIdentifier = argument?.constructor?.name === 'Identifier' && typeof argument.value === 'string';
  return isIdentifier ? argument.value : `$${position}`;
}

/** An iteration sets both anew for each of its steps, so they are watched as properties. */
function endWith(query: Query, call: DatabaseCall): void {
  const given = countGiven(query);
  watch(query, 'resolve', (result: any) => {
    if (typeof result?.pipe === 'function') endWithStream(result, call);
    else call.end(given() ?? rowsOf(result));
  });
  watch(query, 'reject', (error) => call.fail(faultOf(error)));
}

/** Rows that the app got one by one or part by part: the last result has none of them, or those of the last part. */
function countGiven(query: Query): () => number | undefined {
  let rows: number | undefined;
  const count = (name: 'forEachFn' | 'cursorFn', rowsIn: (given: any) => number): void => {
    if (query[name] === undefined) return;
    rows = 0;
    watch(query, name, (given) => {
      rows = (rows ?? 0) + rowsIn(given);
    });
  };
  count('forEachFn', () => 1);
  count('cursorFn', (part) => part.length);
  return () => rows;
}

/** A COPY has only begun when its stream is there. */
function endWithStream(stream: EventEmitter, call: DatabaseCall): void {
  stream.once(errorMonitor, (error) => call.fail(faultOf(error)));
  stream.once('close', () => call.end());
}

type Watched = 'resolve' | 'reject' | 'forEachFn' | 'cursorFn';

function watch(query: object, name: Watched, seen: (value: unknown) => void): void {
  let current = (query as Record<string, Method>)[name];
  const value: Method = (...given) => {
    seen(given[0]);
    return current?.(...given);
  };
  Object.defineProperty(query, name, {
    configurable: true,
    enumerable: true,
    get: () => value,
    set(next) {
      current = next;
    },
  });
}

function rowsOf(result: any): number | undefined {
  if (!Array.isArray(result)) return undefined;
  const { columns } = result as { columns?: readonly unknown[] | null };
  if (columns === undefined) return totalRows(result.map(rowsOf));
  return columns !== null && columns.length > 0 ? result.length : undefined;
}
