/** How many jobs wait in which state, asked of the queues at each collection, for who asks for it (A58). */
import type { ObservableResult } from '@opentelemetry/api';
import { rootContext, runIn } from '../src/context/context.ts';
import { suppressed } from '../src/context/suppression.ts';
import type { Sensors } from '../src/instrumentation.ts';

export interface Depth {
  readonly queue: string;
  readonly state: string;
  readonly count: number;
}

export interface QueueDepths {
  /** Asks `holder`, as long as somebody else holds it, by `ask`; of one key the latest. */
  watch<T extends object>(key: string, holder: T, ask: (holder: T) => Promise<readonly Depth[]>): void;
  stop(): void;
}

interface Watched {
  readonly holder: WeakRef<object>;
  readonly ask: (holder: any) => Promise<readonly Depth[]>;
}

/** Does nothing where `messaging.depth` is off. */
export function queueDepths({ config, meter }: Sensors): QueueDepths {
  if (!config.messaging.depth) return { watch() {}, stop() {} };
  const watched = new Map<string, Watched>();
  const gauge = meter.createObservableGauge('sonde.queue.depth', {
    unit: '{job}',
    description: 'Jobs that a queue holds, by state.',
  });

  async function depthsOf(key: string, { holder, ask }: Watched): Promise<readonly Depth[]> {
    const held = holder.deref();
    if (held === undefined) {
      watched.delete(key);
      return [];
    }
    try {
      return await runIn(suppressed(rootContext), () => ask(held));
    } catch {
      // A queue that does not answer has no depth to tell; whoever uses it hears of the trouble itself.
      return [];
    }
  }

  const observe = async (result: ObservableResult): Promise<void> => {
    const all = await Promise.all([...watched].map(([key, one]) => depthsOf(key, one)));
    for (const { queue, state, count } of all.flat()) result.observe(count, { queue, state });
  };
  gauge.addCallback(observe);

  return {
    watch(key, holder, ask) {
      if (watched.get(key)?.holder.deref() !== holder) watched.set(key, { holder: new WeakRef(holder), ask });
    },
    stop: () => gauge.removeCallback(observe),
  };
}
