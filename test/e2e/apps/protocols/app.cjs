// Says the same in every run: spans with links of every kind, records and metrics with values at the edges of 64 bits.
const { metrics, trace, SpanKind, SpanStatusCode } = require('@opentelemetry/api');
const { counter, extract, gauge, getLogger, histogram, withContext, withSpan } = require('sonde');

const log = getLogger('protocols');
const carrier = {
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  tracestate: 'vendor=value,other=one',
  'x-correlation-id': 'order-1042',
};
const edges = {
  safe: Number.MAX_SAFE_INTEGER,
  'smallest safe': Number.MIN_SAFE_INTEGER,
  'beyond 53 bits': 2 ** 60,
  bigint: 9_223_372_036_854_775_807n,
  'small bigint': -9_223_372_036_854_775_808n,
  'too big': 2n ** 64n,
  zero: 0,
  part: 0.1,
  tiny: 5e-324,
  huge: 1.7976931348623157e308,
  nan: Number.NaN,
  infinite: Number.NEGATIVE_INFINITY,
};
const shapes = {
  text: 'gr\u00fc\u00df \ud83d\ude00 \u2028 "quoted" \\ \u0000',
  empty: '',
  yes: true,
  no: false,
  list: ['a', 'b'],
  numbers: [1, 2.5],
  nested: { a: { b: [1, 'two', { three: 3 }] } },
  bytes: Buffer.from([0, 1, 254, 255]),
  nothing: null,
};

extract(carrier, () =>
  withContext({ 'user.id': 42 }, () => {
    withSpan('parent', { ...edges, ...shapes }, (span) => {
      log.info('edges', edges);
      log.warn('shapes', shapes);
      log.event('order_created', { orderId: 1042 });
      withSpan('child', () => log.debug('not sent'));
      const other = { traceId: '1'.repeat(32), spanId: '2'.repeat(16), traceFlags: 1 };
      const linked = trace.getTracer('app', '1.2.3').startSpan('linked', {
        kind: SpanKind.PRODUCER,
        links: [{ context: other, attributes: { why: 'retry' } }],
      });
      linked.addEvent('cached', { hit: false, size: 12 });
      linked.setStatus({ code: SpanStatusCode.ERROR, message: 'no stock' });
      linked.end();
      span.setAttribute('late', 'said');
      try {
        withSpan('failing', () => {
          throw new RangeError('too many');
        });
      } catch (error) {
        log.exception(error, 'failed', { orderId: 7 });
      }
    });
  }),
);

counter('orders', { unit: '{order}', description: 'Orders.' }).add(2 ** 53 - 1, {
  channel: 'web',
  vip: true,
  n: 3,
});
gauge('level', { unit: 'Cel' }).record(-21.5);
const duration = histogram('duration', { unit: 's', advice: { explicitBucketBoundaries: [0.1, 1] } });
for (const seconds of [0.05, 0.5, 5, 5e9]) duration.record(seconds, { route: '/a' });
metrics.getMeter('app').createUpDownCounter('carts').add(-3);
