import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runService } from '../support/service.ts';
import { appFolder } from '../support/tarball.ts';

const app = `
const { Counter, Gauge, Histogram, Registry, Summary, collectDefaultMetrics, register } = require('prom-client');
const { metrics } = require('sonde');
collectDefaultMetrics();
const labelNames = ['shop'];
new Counter({ name: 'orders_total', help: 'Orders', labelNames }).inc({ shop: 'a "b"' }, 3);
const checkouts = new Histogram({ name: 'checkout_seconds', help: 'Checkouts', labelNames, buckets: [1, 2] });
for (const seconds of [0.5, 1.5, 9]) checkouts.observe({ shop: 'x' }, seconds);
new Summary({ name: 'sizes', help: 'Sizes', percentiles: [0.5] }).observe(7);
const own = new Registry();
new Gauge({ name: 'open_carts', help: 'Carts', registers: [own, register] }).set(4);
const server = require('node:http').createServer((request, response) => response.end());
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
metrics.mount(server);
process.once('SIGTERM', () => { server.close(); server.closeAllConnections(); });
`;

describe('prom-client', function () {
  this.timeout(60_000);

  it("is served on Sonde's page and sent by OTLP, without what Sonde measures itself", async () => {
    const folder = appFolder(['prom-client']);
    writeFileSync(join(folder, 'app.cjs'), app);
    const { driven, sink, ended } = await runService(
      ['--require', 'sonde/register', 'app.cjs'],
      { cwd: folder },
      async (port) => {
        const page = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } });
        return (await page.text()).split('\n');
      },
    );
    expect(ended.stderr).to.equal('');
    const lines = (name: string) => driven.filter((line) => line.startsWith(name) && !line.startsWith('#'));
    expect(lines('orders_total')).to.deep.equal(['orders_total{shop="a \\"b\\""} 3']);
    expect(lines('checkout_seconds')).to.deep.equal([
      'checkout_seconds_bucket{shop="x",le="1"} 1',
      'checkout_seconds_bucket{shop="x",le="2"} 2',
      'checkout_seconds_bucket{shop="x",le="+Inf"} 3',
      'checkout_seconds_sum{shop="x"} 11',
      'checkout_seconds_count{shop="x"} 3',
    ]);
    expect(lines('sizes')).to.deep.equal(['sizes{quantile="0.5"} 7', 'sizes_sum 7', 'sizes_count 1']);
    expect(lines('open_carts')).to.deep.equal(['open_carts 4']);
    expect(lines('process_cpu_seconds_total')).to.have.length(1);
    expect(lines('nodejs_eventloop_lag_p99')).to.deep.equal([]);
    expect(lines('v8js_memory_heap_used_bytes')).not.to.deep.equal([]);
    const sent = sink.metrics().filter(({ scope }) => scope === 'prom-client');
    expect(sent.find(({ name }) => name === 'orders_total')).to.deep.include({
      kind: 'sum',
      monotonic: true,
    });
    const checkout = sent.find(({ name }) => name === 'checkout_seconds');
    expect(checkout?.points[0]).to.deep.include({ count: 3, sum: 11, bucketCounts: [1, 1, 1] });
    expect(sent.map(({ name }) => name)).not.to.include('nodejs_gc_duration_seconds');
  });
});
