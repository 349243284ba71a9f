/** What a real Prometheus makes of the page of a real app. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Prometheus, startPrometheus } from '../../support/prometheus.ts';
import { runService } from '../../support/service.ts';
import { appFolder } from '../../support/tarball.ts';

const app = `
const http = require('node:http');
const { counter, metrics } = require('sonde');
const orders = counter('orders.created', { unit: '{order}', description: 'Orders' });
const server = http.createServer((request, response) => {
  orders.add(1, { shop: 'a"b\\\\c\\nd\\0e', 'hostile key"}': 'x', le: '7' });
  response.end('created');
});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
metrics.mount(server);
process.once('SIGTERM', () => { server.close(); server.closeAllConnections(); });
`;

describe('a real Prometheus', function () {
  this.timeout(60_000);

  it('scrapes the page, hostile labels and all, and gives an exemplar back that leads to a trace (A57)', async () => {
    const folder = appFolder([]);
    writeFileSync(join(folder, 'app.cjs'), app);
    let prometheus: Prometheus | undefined;
    const { driven, sink, ended } = await runService(
      ['--require', 'sonde/register', 'app.cjs'],
      { cwd: folder },
      async (port) => {
        for (let i = 0; i < 3; i++) await (await fetch(`http://127.0.0.1:${port}/orders`)).text();
        prometheus = await startPrometheus(`127.0.0.1:${port}`);
        const total = await prometheus.until(
          'query',
          { query: 'orders_created_total' },
          ({ result }) => result[0]?.value[1] === '3',
        );
        const buckets = await prometheus.get('query', {
          query: 'http_server_request_duration_seconds_bucket{le="+Inf"}',
        });
        const window = { start: '0', end: String(Date.now() / 1000 + 60) };
        const exemplars = await prometheus.until(
          'query_exemplars',
          { query: 'http_server_request_duration_seconds_bucket', ...window },
          (data) => data.length > 0,
        );
        const health = await prometheus.get('targets', {});
        await prometheus.stop();
        return { total, buckets, exemplars, health };
      },
    );
    expect(ended.stderr).to.equal('');
    const { metric } = driven.total.result[0];
    expect(metric).to.include({
      shop: 'a"b\\c\nd\ufffde',
      hostile_key_: 'x',
      exported_le: '7',
      otel_scope_name: 'sonde.app',
    });
    expect(driven.buckets.result[0].value[1]).to.equal('3');
    expect(driven.health.activeTargets[0]).to.include({ health: 'up', lastError: '' });
    const [{ labels }] = driven.exemplars[0].exemplars;
    const span = sink.spans().find(({ traceId }) => traceId === labels.trace_id);
    expect(span).to.include({ name: 'GET', kind: 2, spanId: labels.span_id });
    expect(sink.spans().every(({ attributes }) => attributes['url.path'] !== '/metrics')).to.equal(true);
  });
});
