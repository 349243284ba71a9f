/** How a test sees what the SDK makes: spans as they start and end, metrics when it asks. */
import type { Context } from '@opentelemetry/api';
import type { CallSite } from '../logs/call-site.ts';
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
  /** Where the app asked its database, by span: of what was asked while somebody watched. */
  readonly askedAt: WeakMap<object, CallSite>;
  /** Patches what a module system of its own has loaded: jest keeps another cache for each test file. */
  lookAt: ((cache: NodeJS.Dict<NodeModule>) => void) | undefined;
  /** Gives all metrics as `ResourceMetrics`: what was measured since it was first asked. */
  readMetrics: (() => Promise<unknown>) | undefined;
}

export const watched: Watched = shared('watched', () => ({
  wanted: false,
  spans: new Set(),
  askedAt: new WeakMap(),
  lookAt: undefined,
  readMetrics: undefined,
}));
