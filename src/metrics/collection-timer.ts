/** How long readers take to collect (`otel.sdk.metric_reader.collection.duration`). */
import { type Histogram, metrics } from '@opentelemetry/api';
import { VERSION } from '../version.ts';

/** Told of each collection: when it began (`performance.now()`), and why it failed, if it did. */
export type CollectionTimer = (began: number, error?: unknown) => void;

/**
 * @param component the reader's kind, and which of its kind it is
 */
export function collectionTimer(component: string, number = 0): CollectionTimer {
  const attributes = { 'otel.component.type': component, 'otel.component.name': `${component}/${number}` };
  let duration: Histogram | undefined;
  return (began, error) => {
    // Asked with the first collection: the meter is there by then.
    duration ??= metrics
      .getMeter('sonde', VERSION)
      .createHistogram('otel.sdk.metric_reader.collection.duration', { unit: 's' });
    const failed = error === undefined ? undefined : { 'error.type': nameOf(error) };
    duration.record((performance.now() - began) / 1000, { ...attributes, ...failed });
  };
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : '_OTHER';
}
