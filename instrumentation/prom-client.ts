/** prom-client's registries: what an app already measures leaves with Sonde's own metrics, on the page and by OTLP. */
import type { Instrumentation } from '../src/instrumentation.ts';
import type { CollectedScope } from '../src/metrics/collected.ts';
import { producers } from '../src/metrics/producers.ts';
import { override } from './override.ts';
import { type PromMetric, scopeOf } from './prom-client-metrics.ts';

interface Registry {
  getMetricsAsJSON(): Promise<PromMetric[]>;
}

type RegisterMetric = (this: Registry, metric: unknown) => void;

/** A registry is found by its first metric, and not kept from being collected. */
class Registries {
  readonly #known = new WeakSet<Registry>();
  #refs: WeakRef<Registry>[] = [];

  add(registry: Registry): void {
    if (this.#known.has(registry)) return;
    this.#known.add(registry);
    this.#refs.push(new WeakRef(registry));
  }

  /** A metric that is in several of them is told once. */
  async collect(startTime: number): Promise<CollectedScope[]> {
    this.#refs = this.#refs.filter((ref) => ref.deref() !== undefined);
    const metrics = new Map<string, PromMetric>();
    for (const registry of this.#refs.map((ref) => ref.deref())) {
      for (const metric of (await registry?.getMetricsAsJSON()) ?? []) {
        if (!metrics.has(metric.name)) metrics.set(metric.name, metric);
      }
    }
    const scope = scopeOf([...metrics.values()], startTime);
    return scope.metrics.length > 0 ? [scope] : [];
  }
}

export function promClient(): Instrumentation {
  const undo: (() => void)[] = [];
  const registries = new Registries();
  const startTime = Date.now();
  const producer = () => registries.collect(startTime);
  return {
    name: 'prom-client',
    modules: ['prom-client'],
    patch(exports) {
      producers().add(producer);
      const watch = (original: RegisterMetric): RegisterMetric =>
        function registerMetric(metric) {
          registries.add(this);
          return original.call(this, metric);
        };
      undo.push(override(exports.Registry.prototype, 'registerMetric', watch));
    },
    disable() {
      producers().delete(producer);
      for (const step of undo.splice(0)) step();
    },
  };
}
