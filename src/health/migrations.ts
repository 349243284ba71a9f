/** How many migrations wait, for whoever watches a deployment (A58). */
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import { diagnostics } from '../diagnostics.ts';
import { describeError, headOf } from '../logs/error-shape.ts';
import { observe } from '../metrics/instruments.ts';
import { shared } from '../slot.ts';

const longestMillis = 5_000;
const unobserved = suppressed(rootContext);

interface State {
  pending: (() => unknown) | undefined;
  isObserved: boolean;
  asking: Promise<number | undefined> | undefined;
}

const state = shared<State>('migrations', () => ({
  pending: undefined,
  isObserved: false,
  asking: undefined,
}));

export function countMigrations(pending: () => unknown): void {
  state.pending = pending;
  if (state.isObserved) return;
  state.isObserved = true;
  const description = 'Database migrations that wait to be run.';
  observe(
    'sonde.migrations.pending',
    async (result) => {
      const count = await soon();
      if (count !== undefined) result.observe(count);
    },
    { unit: '{migration}', description },
  );
}

/** A question that hangs is not asked again meanwhile, and holds no collection for longer than it may. */
async function soon(): Promise<number | undefined> {
  state.asking ??= runIn(unobserved, count).finally(() => {
    state.asking = undefined;
  });
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, longestMillis, undefined).unref();
  });
  try {
    return await Promise.race([state.asking, deadline]);
  } finally {
    clearTimeout(timer);
  }
}

async function count(): Promise<number | undefined> {
  try {
    const given = await state.pending?.();
    const waiting = Array.isArray(given) ? given.length : given;
    if (typeof waiting === 'number' && waiting >= 0) return waiting;
    warn(`gave ${typeof given} instead of a number or a list`);
  } catch (thrown) {
    warn(`failed: ${headOf(describeError(thrown))}`);
  }
  return undefined;
}

function warn(what: string): void {
  diagnostics.warnOnce('migrations', 'SONDE_ERR_HEALTH', `The function of health.migrations() ${what}.`);
}
