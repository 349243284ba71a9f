/**
 * Spans of the official instrumentations that Sonde enables by itself, under the names of the stable conventions: some
 * of them still speak the old ones.
 */
import { load } from '../load.ts';
import { shared } from '../slot.ts';

interface EndedSpan {
  readonly instrumentationScope: { readonly name: string };
  readonly attributes: Record<string, unknown>;
}

/** Names of instrumentation scopes. */
const scopes = shared('traces.stable-names', () => new Set<string>());

/** From now on the spans of this instrumentation are told in stable names. */
export function useStableNames(scope: string): void {
  scopes.add(scope);
}

/** OpenTelemetry's `SpanProcessor`, structurally; stands before those that read ended spans. */
export const stableNames = {
  onStart(): void {},
  onEnd(span: unknown): void {
    if (scopes.size === 0) return;
    const { instrumentationScope, attributes } = span as EndedSpan;
    if (!scopes.has(instrumentationScope.name)) return;
    load<typeof import('./stabilised.ts')>('stabilised').stabilise(attributes);
  },
  async forceFlush(): Promise<void> {},
  async shutdown(): Promise<void> {},
};
