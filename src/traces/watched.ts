/** How a test sees what the SDK makes: spans as they start and end, metrics when it asks. */
import type { Context } from '@opentelemetry/api';
import { shared } from '../slot.ts';

/** Told of every span that is recorded. Must not throw. */
export interface SpanWatcher {
  started(span: object, parentContext: Context): void;
  ended(span: object): void;
}

interface Watched {
  /** Whether spans are recorded even where nothing is sent. */
  wanted: boolean;
  readonly spans: Set<SpanWatcher>;
  /** Gives all metrics as `ResourceMetrics`: what was measured since it was first asked. */
  readMetrics: (() => Promise<unknown>) | undefined;
}

export const watched: Watched = shared('watched', () => ({
  wanted: false,
  spans: new Set(),
  readMetrics: undefined,
}));
