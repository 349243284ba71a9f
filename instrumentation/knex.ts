/** knex: the statements of its drivers are told with the table and the method that asked for them. */
import type { Instrumentation } from '../src/instrumentation.ts';
import type { Method } from './connection.ts';
import { asOperation } from './orm-operation.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';

/** What is read of a builder; that of a raw statement or of a schema has none of it. */
interface Builder {
  /** `first`, `pluck`, `del`. */
  readonly _method?: unknown;
  readonly _single?: { readonly table?: unknown };
}

interface Runner {
  readonly builder: Builder;
}

/** knex 3, CommonJS and ES modules alike. */
export function knex(): Instrumentation {
  const done = patches();

  const running = (original: Method): Method =>
    function (this: Runner, ...args) {
      return asOperation(operationOf(this.builder), () => original.apply(this, args));
    };

  // A runner is the only sight of its class.
  const meeting = (original: Method): Method =>
    function (this: unknown, ...args) {
      const runner = original.apply(this, args);
      done.once(Object.getPrototypeOf(runner), (prototype) => [override<Method>(prototype, 'run', running)]);
      return runner;
    };

  return {
    name: 'knex',
    modules: ['knex'],
    patch(exports) {
      done.once(exports.Client?.prototype, (client) => [override<Method>(client, 'runner', meeting)]);
    },
    disable: done.undo,
  };
}

function operationOf({ _method: method, _single: single }: Builder): string | undefined {
  const table = nameOf(single?.table);
  return typeof method === 'string' && table !== undefined ? `${table}.${method}` : undefined;
}

/** `orders`, `orders as o` or `{ o: 'orders' }`; a subquery has no name. */
function nameOf(table: unknown): string | undefined {
  if (typeof table === 'string') return /^[^\s(]+/.exec(table)?.[0];
  if (typeof table !== 'object' || table === null) return undefined;
  const [name, ...more] = Object.values(table);
  return typeof name === 'string' && more.length === 0 ? name : undefined;
}
