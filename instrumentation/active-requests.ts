/** `http.server.active_requests`: what is being served now (A58). */
import type { Meter } from '@opentelemetry/api';
import { type BoundCounter, isBindable } from '../src/metrics/bound.ts';
import { methodOf } from './http-attributes.ts';

/** Counts up or down, by method and scheme. */
export type ActiveRequests = (change: 1 | -1, method: string, scheme: string) => void;

export function activeRequests(meter: Meter): ActiveRequests {
  const known = new Map<string, BoundCounter>();

  function series(method: string, scheme: string): BoundCounter {
    const counter = meter.createUpDownCounter('http.server.active_requests', {
      description: 'Number of active HTTP server requests.',
      unit: '{request}',
    });
    const attributes = { 'http.request.method': method, 'url.scheme': scheme };
    if (isBindable(counter)) return counter.bind(attributes) as BoundCounter;
    return { add: (value, context) => counter.add(value, attributes, context) };
  }

  return (change, method, scheme) => {
    const key = methodOf(method) + scheme;
    let bound = known.get(key);
    if (bound === undefined) {
      bound = series(methodOf(method), scheme);
      known.set(key, bound);
    }
    bound.add(change);
  };
}
