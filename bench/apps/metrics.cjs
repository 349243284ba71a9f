'use strict';
/** One histogram, five attributes, inside a sampled span: told at each call, or through a handle on the series. */
const { metrics } = require('@opentelemetry/api');
const loop = require('./loop.cjs');

const histogram = metrics.getMeter('bench').createHistogram('http.server.request.duration', { unit: 's' });
const methods = ['GET', 'POST', 'PUT'];
const attributes = (n) => ({
  'http.request.method': methods[n % 3],
  'url.scheme': 'http',
  'http.route': '/orders/:id',
  'http.response.status_code': 200 + (n % 5),
  'network.protocol.version': '1.1',
});

const ways = {
  record: (n) => histogram.record((n % 1000) / 1000, attributes(n)),
  bound() {
    const handles = Array.from({ length: 15 }, (_, n) => histogram.bind(attributes(n)));
    return (n) => handles[n % 15].record((n % 1000) / 1000);
  },
};

loop(process.argv[2] === 'bound' ? ways.bound() : ways.record);
