/**
 * Prisma: its client runs each operation through a helper that lies on the global object, by which
 * `@prisma/instrumentation` makes its spans. Where nobody has put one there, Sonde's tells the statements of a driver
 * adapter with the operation, and makes no span of its own.
 */
import type { Instrumentation } from '../src/instrumentation.ts';
import { asOperation } from './orm-operation.ts';

interface Step {
  readonly name: string;
  readonly attributes?: { readonly model?: string; readonly name?: string };
}

type Work = (...none: undefined[]) => unknown;

/** What the client asks of a helper. */
const helper = {
  /** Whether it wants the spans of the engine. */
  isEnabled: () => false,
  getTraceParent: () => '00-10-10-00',
  dispatchEngineSpans: () => {},
  getActiveContext: () => undefined,
  runInChildSpan(step: Step | string, work: Work): unknown {
    const { name, attributes } = typeof step === 'string' ? { name: step, attributes: undefined } : step;
    const isOfModel = name === 'operation' && attributes?.model !== undefined;
    return asOperation(isOfModel ? attributes.name : undefined, () => work());
  },
};

const holder: { PRISMA_INSTRUMENTATION?: { readonly helper?: object } } = globalThis as object;

/** Prisma 7 with a driver adapter. One that comes later, with `@prisma/instrumentation`, takes the place. */
export function prisma(): Instrumentation {
  const own = { helper };
  return {
    name: 'prisma',
    modules: ['@prisma/client', '@prisma/client/runtime/client', '@prisma/driver-adapter-utils'],
    takesNamespaces: true,
    patch() {
      holder.PRISMA_INSTRUMENTATION ??= own;
    },
    disable() {
      if (holder.PRISMA_INSTRUMENTATION === own) delete holder.PRISMA_INSTRUMENTATION;
    },
  };
}
