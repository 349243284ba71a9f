/** `better-sqlite3`: one span per executed statement, those of `transaction` and `pragma` too. */
import type { Instrumentation } from '../src/instrumentation.ts';
import { type Database, databaseSensor } from './database.ts';
import { rememberedTarget } from './database-target.ts';
import { override } from './override.ts';
import { type Patches, patches } from './patches.ts';
import { faultOf, namespaceOf, noRows, patchExecution, run } from './sqlite-execution.ts';

type Method = (this: any, ...args: any[]) => any;

/** What is read of an open database. */
interface Opened {
  /** The path it was opened with. */
  readonly name: string;
  prepare(sql: string): Statement;
}

interface Statement {
  readonly source: string;
  readonly database: Opened;
}

/** SQLite by `better-sqlite3`, CommonJS and ES modules alike. */
export function betterSqlite3(): Instrumentation {
  const done = patches();
  return {
    name: 'better-sqlite3',
    modules: ['better-sqlite3'],
    patch(exports, _specifier, sensors) {
      const database = databaseSensor(sensors);
      done.once(exports.prototype, (prototype) => patchDatabase(prototype, database, done));
    },
    disable: done.undo,
  };
}

const targetOf = rememberedTarget(
  ({ name }: Opened) => name,
  ({ name }) => ({ system: 'sqlite', namespace: namespaceOf(name) }),
);

function patchDatabase(prototype: object, database: Database, done: Patches): (() => void)[] {
  // A statement is the only sight of its class, which is part of the addon.
  function meet(statement: Statement): void {
    done.once(Object.getPrototypeOf(statement), (found) =>
      patchExecution(found, ({ database: db, source }: Statement) => database.start(targetOf(db), source)),
    );
  }

  const exec = (original: Method): Method =>
    function (this: Opened, ...args) {
      const call = typeof args[0] === 'string' ? database.start(targetOf(this), args[0]) : undefined;
      return run(call, () => original.apply(this, args), noRows);
    };

  // A statement that cannot be prepared is never executed; its failure is told all the same.
  const prepare = (original: Method): Method =>
    function (this: Opened, ...args) {
      try {
        const statement = original.apply(this, args);
        meet(statement);
        return statement;
      } catch (error) {
        if (typeof args[0] === 'string') database.start(targetOf(this), args[0])?.fail(faultOf(error));
        throw error;
      }
    };

  return [
    override<Method>(prototype, 'exec', exec),
    override<Method>(prototype, 'prepare', prepare),
    ...['transaction', 'pragma'].map((name) => override<Method>(prototype, name, meeting(prototype, meet))),
  ];
}

/** These prepare by themselves, out of sight, so that the class must have been met before. */
function meeting(prototype: object, meet: (statement: Statement) => void): (original: Method) => Method {
  const { prepare } = prototype as { prepare: Method };
  const met = new WeakSet<Opened>();
  return (original) =>
    function (this: Opened, ...args) {
      if (!met.has(this)) {
        met.add(this);
        try {
          meet(prepare.call(this, 'SELECT 1'));
        } catch {
          // A closed database: the original says so.
        }
      }
      return original.apply(this, args);
    };
}
