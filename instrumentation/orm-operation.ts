/** What the app has asked an ORM for, in the ORM's own words; the statements that come of it are told with it. */
import { type Attributes, type Context, createContextKey } from '@opentelemetry/api';
import { activeContext, runIn } from '../src/context/context.ts';
import type { Method } from './connection.ts';
import { override } from './override.ts';
import { settled } from './settled.ts';

/** One call of the app's on its way. */
interface Operation {
  /** As Prisma writes it: `User.findMany`. */
  readonly name: string;
  isOpen: boolean;
}

const key = createContextKey('sonde.orm-operation');

/** Nothing where no ORM asks. */
export function operationIn(context: Context): Attributes | undefined {
  const operation = context.getValue(key) as Operation | undefined;
  return operation?.isOpen ? { 'sonde.orm.operation': operation.name } : undefined;
}

/**
 * Runs `work` as the operation `name`; within another one it is a part of that. What it leaves behind when it has
 * settled is no part of it any more.
 */
export function asOperation(name: string | undefined, work: () => any): any {
  const caller = activeContext();
  if (name === undefined || operationIn(caller) !== undefined) return work();
  const operation: Operation = { name, isOpen: true };
  const close = (): void => {
    operation.isOpen = false;
  };
  return settled(runIn(caller.setValue(key, operation), work), close, close);
}

/** Methods that are operations by their own names, of what `entityOf` gives; by none where it gives nothing. */
export function asOperations(
  target: object,
  methods: readonly string[],
  entityOf: (self: any, args: readonly any[]) => string | undefined,
): (() => void)[] {
  return methods.map((method) =>
    override<Method>(
      target,
      method,
      (original) =>
        function (this: unknown, ...args) {
          const entity = entityOf(this, args);
          const name = entity === undefined ? undefined : `${entity}.${method}`;
          return asOperation(name, () => original.apply(this, args));
        },
    ),
  );
}
