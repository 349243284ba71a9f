/**
 * Drizzle: what its relational queries (`db.query.users.findMany()`) are called is told with the statements of its
 * drivers. Its other builders have no other word than the statement itself.
 */
import type { Instrumentation } from '../src/instrumentation.ts';
import type { Method } from './connection.ts';
import { asOperation } from './orm-operation.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';

/** What is read of a query; only a relational one has it. */
interface Query {
  execute(): Promise<unknown>;
  /** `many` or `first`. */
  readonly mode?: unknown;
  readonly tableConfig?: { readonly tsName?: unknown };
}

const methods: Readonly<Record<string, string>> = { many: 'findMany', first: 'findFirst' };

/** Drizzle 0.45, CommonJS and ES modules alike. */
export function drizzle(): Instrumentation {
  const done = patches();

  const awaited = (original: Method): Method =>
    function (this: Query, ...args) {
      const name = operationOf(this);
      if (name === undefined) return original.apply(this, args);
      // What follows it is no part of it.
      return asOperation(name, () => this.execute()).then(...args);
    };

  return {
    name: 'drizzle',
    modules: ['drizzle-orm'],
    takesNamespaces: true,
    patch(exports) {
      done.once(exports.QueryPromise?.prototype, (prototype) => [
        override<Method>(prototype, 'then', awaited),
      ]);
    },
    disable: done.undo,
  };
}

function operationOf({ mode, tableConfig }: Query): string | undefined {
  const method = methods[String(mode)];
  const name = tableConfig?.tsName;
  return method !== undefined && typeof name === 'string' ? `${name}.${method}` : undefined;
}
