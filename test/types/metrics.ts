/** The app's instruments, as an app writes them: checked by `tsc`, run by nobody. */
import { createServer } from 'node:http';
import type { Counter, Histogram } from '@opentelemetry/api';
import { type BoundCounter, counter, gauge, histogram, type InitOptions, metrics } from '../../src/index.ts';

export const official: Counter = counter('orders.created', { unit: '{order}' });
export const duration: Histogram = histogram('checkout.duration', { unit: 's' });
export const web: BoundCounter = counter('orders.created').bind({ channel: 'web' });
web.add(1);
gauge('cache.entries').bind({ cache: 'users' }).record(7);
export const isMeasured: boolean = counter('orders.created').enabled();
export const unmount: () => void = metrics.mount(createServer(), { path: '/internal/metrics' });

export const options: InitOptions = {
  metrics: { exporters: ['otlp', 'prometheus'], prometheus: { port: 9464 } },
  sdk: { views: [{ instrumentName: 'http.*', attributeKeys: { excluded: ['url.full'] } }] },
};

// @ts-expect-error a handle has its attributes already
web.add(1, { channel: 'web' });

// @ts-expect-error only a server can be mounted on
metrics.mount('http://localhost:3000');
