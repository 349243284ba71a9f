/** `http.server.active_requests`: what is being served now (A58). */
import type { Meter } from '@opentelemetry/api';
import { type BoundCounter, isBindable } from '../src/metrics/bound.ts';
import { methodOf } from './http-attributes.ts';

type Scheme = 'http' | 'https';

/** Counts up or down, by method and scheme. */
export type ActiveRequests = (change: 1 | -1, method: string, scheme: Scheme) => void;

export function activeRequests(meter: Meter): ActiveRequests {
  /** Scheme by scheme: a key made of both would be put together and hashed with every request. */
  const known: Record<Scheme, Map<string, BoundCounter>> = { http: new Map(), https: new Map() };

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
    const name = methodOf(method);
    let bound = known[scheme].get(name);
    if (bound === undefined) {
      bound = series(name, scheme);
      known[scheme].set(name, bound);
    }
    bound.add(change);
  };
}
