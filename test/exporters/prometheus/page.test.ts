import { spawnSync } from 'node:child_process';
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { formatFor, type PageFormat, writePage } from '../../../exporters/prometheus/page.ts';
import type { SondeMeter } from '../../../src/metrics/meter.ts';
import { metered } from '../../support/metered.ts';
import { type Ear, ear, spanId, traceId } from '../../support/otlp-items.ts';

const sampled = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: 1 });
const resource = { attributes: { 'service.name': 'shop', 'weird-key': 'a"b\\c\nd' } };

async function page(
  measure: (meter: SondeMeter) => void,
  format: PageFormat = 'text',
  views: readonly object[] = [],
): Promise<string> {
  const { meter, reader } = metered({ views });
  measure(meter);
  const { scopeMetrics } = (await reader.collect()).resourceMetrics;
  return (await writePage({ resource, scopeMetrics }, format)).toString();
}

/** Lines that begin with a name, without the labels of the scope. */
function linesOf(text: string, name: string): string[] {
  const scope = /,?otel_scope_name="shop",otel_scope_version="1.2.3"/;
  return text
    .split('\n')
    .filter((line) => line.startsWith(name) || line.split(' ')[2]?.startsWith(name))
    .map((line) => line.replace(scope, '').replace('{,', '{').replace('{}', ''));
}

function lint(text: string): string {
  const { stdout, stderr, status } = spawnSync('promtool', ['check', 'metrics'], { input: text });
  return status === 0 ? '' : `${stdout}${stderr}`;
}

describe('the Prometheus page', () => {
  let heard: Ear;
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => heard.close());

  it('names metrics by their unit and kind, in both formats', async () => {
    const measure = (meter: SondeMeter) => {
      meter.createCounter('orders.created', { unit: '{order}', description: 'Orders' }).add(3);
      meter.createCounter('bytes.sent.total', { unit: 'By' }).add(1.5);
      meter.createUpDownCounter('carts.open', { unit: '1' }).add(-2);
      meter.createGauge('cpu.utilization', { unit: '1' }).record(0.5);
      meter.createGauge('speed', { unit: 'm/s' }).record(7);
      meter.createGauge('rate', { unit: '{request}/min' }).record(7);
      meter.createGauge('9lives', { unit: 'Cel' }).record(9);
      meter.createGauge('duration.seconds', { unit: 's' }).record(9);
    };
    const text = await page(measure);
    expect(
      linesOf(text, '').filter((line) => !line.startsWith('#') && !line.startsWith('target')),
    ).to.deep.equal([
      'orders_created_total 3',
      'bytes_sent_bytes_total 1.5',
      'carts_open -2',
      'cpu_utilization_ratio 0.5',
      'speed_meters_per_second 7',
      'rate_per_minute 7',
      '_9lives_celsius 9',
      'duration_seconds 9',
      '',
    ]);
    expect(linesOf(text, 'orders_created')).to.deep.equal([
      '# HELP orders_created_total Orders',
      '# TYPE orders_created_total counter',
      'orders_created_total 3',
    ]);
    const open = await page(measure, 'openmetrics');
    expect(linesOf(open, 'bytes_sent')).to.deep.equal([
      '# TYPE bytes_sent_bytes counter',
      '# UNIT bytes_sent_bytes bytes',
      'bytes_sent_bytes_total 1.5',
    ]);
    expect(open.endsWith('\n# EOF\n')).to.equal(true);
    expect(open).to.contain(
      '# TYPE target info\ntarget_info{service_name="shop",weird_key="a\\"b\\\\c\\nd"} 1\n',
    );
  });

  it('adds up the buckets of histograms, and gives exponential ones bounds', async () => {
    const measure = (meter: SondeMeter) => {
      const advice = { explicitBucketBoundaries: [1, 2.5] };
      const histogram = meter.createHistogram('duration', { unit: 's', description: 'Durations', advice });
      for (const value of [0.5, 1, 2, 9]) histogram.record(value, { a: 'b' });
      const exponential = meter.createHistogram('fine', { description: 'Fine' });
      for (let value = 1; value <= 1000; value++) exponential.record(value);
    };
    const text = await page(measure, 'text', [{ instrumentName: 'fine', aggregation: { type: 5 } }]);
    expect(linesOf(text, 'duration_seconds').slice(2)).to.deep.equal([
      'duration_seconds_bucket{a="b",le="1"} 2',
      'duration_seconds_bucket{a="b",le="2.5"} 3',
      'duration_seconds_bucket{a="b",le="+Inf"} 4',
      'duration_seconds_sum{a="b"} 12.5',
      'duration_seconds_count{a="b"} 4',
    ]);
    const fine = linesOf(text, 'fine_bucket').map((line) => Number(line.split(' ')[1]));
    expect(fine.at(-1)).to.equal(1000);
    expect(fine).to.deep.equal([...fine].sort((a, b) => a - b));
    expect(fine.length).to.be.within(5, 41);
    expect(lint(text)).to.equal('');
  });

  it('gives exemplars to OpenMetrics alone, as many labels as there is room for', async () => {
    const long = 'x'.repeat(120);
    const measure = (meter: SondeMeter) => {
      meter.createCounter('orders').add(2, { kept: 1, dropped: 'd', long, password: 'hunter2' }, sampled);
      meter.createHistogram('duration', { advice: { explicitBucketBoundaries: [1] } }).record(5, {}, sampled);
    };
    const views = [{ instrumentName: 'orders', attributeKeys: { included: ['kept'] } }];
    expect(await page(measure, 'text', views)).not.to.contain(traceId);
    const text = await page(measure, 'openmetrics', views);
    const ids = `trace_id="${traceId}",span_id="${spanId}"`;
    expect(linesOf(text, 'orders_total')[0]).to.match(
      new RegExp(
        `^orders_total{kept="1"} 2 # {${ids},dropped="d",password="\\[REDACTED\\]"} 2 \\d+\\.\\d{3}$`,
      ),
    );
    expect(linesOf(text, 'duration_bucket')[1]).to.match(
      new RegExp(`^duration_bucket{le="\\+Inf"} 1 # {${ids}} 5 \\d+\\.\\d{3}$`),
    );
  });

  it('survives hostile labels, names and values', async () => {
    const measure = (meter: SondeMeter) => {
      const counter = meter.createCounter('hostile');
      counter.add(1, { 'a.b': 'one', a_b: 'two' });
      counter.add(1, { le: '1', quantile: '2', __name__: 'stolen', otel_scope_name: 'forged' });
      counter.add(1, { '': 'empty', '1st': 'digit', 'ключ"}\n': 'кто', 'tab\t': '\u0000\ud800\r' });
      counter.add(1, { 'a.b': 'same' });
      counter.add(1, { a_b: 'same' });
      meter.createHistogram('spoilt').record(1, { le: 'mine' });
      meter.createCounter('1"}\n{evil', { description: 'a\nb\\' }).add(1);
    };
    const text = await page(measure);
    expect(linesOf(text, 'hostile').slice(1)).to.deep.equal([
      'hostile_total{a_b="one;two"} 1',
      'hostile_total{exported_le="1",quantile="2",_name_="stolen",exported_otel_scope_name="forged"} 1',
      'hostile_total{key_1st="digit",_="кто",tab_="\ufffd\ufffd\r"} 1',
      'hostile_total{a_b="same"} 2',
    ]);
    expect(linesOf(text, '_1_evil')[0]).to.equal('# HELP _1_evil_total a\\nb\\\\');
    expect(lint(text)).not.to.match(/parse error|error while linting/);
  });

  it('adds up series that differ in a secret only', async () => {
    const text = await page((meter) => {
      for (const token of ['a', 'b', 'c']) {
        meter.createCounter('logins').add(1, { token });
        meter.createHistogram('wait', { advice: { explicitBucketBoundaries: [2] } }).record(1, { token });
        meter.createGauge('level').record(7, { token });
      }
    });
    const lines = ['logins', 'wait', 'level'].flatMap((name) => linesOf(text, name));
    expect(lines.filter((line) => !line.startsWith('#'))).to.deep.equal([
      'logins_total{token="[REDACTED]"} 3',
      'wait_bucket{token="[REDACTED]",le="2"} 3',
      'wait_bucket{token="[REDACTED]",le="+Inf"} 3',
      'wait_sum{token="[REDACTED]"} 3',
      'wait_count{token="[REDACTED]"} 3',
      'level{token="[REDACTED]"} 7',
    ]);
  });

  it('leaves out a namesake of another type, and says so', async () => {
    const text = await page((meter) => {
      meter.createCounter('paid').add(1);
      meter.createGauge('paid.total').record(2);
    });
    expect(linesOf(text, 'paid').filter((line) => !line.startsWith('#'))).to.deep.equal(['paid_total 1']);
    expect(heard.said.join()).to.match(/paid_total as a counter and as a gauge/);
  });

  it('passes promtool', async () => {
    const text = await page((meter) => {
      const counter = meter.createCounter('orders.created', { unit: '{order}', description: 'Orders' });
      for (let i = 0; i < 500; i++) counter.add(1, { shop: `shop ${i}`, 'http.route': '/orders/:id' });
      meter.createHistogram('checkout.duration', { unit: 's', description: 'Checkouts' }).record(1);
      meter.createGauge('cache.entries', { description: 'Entries' }).record(1);
    });
    expect(lint(text)).to.equal('');
  });

  it('is written in the format that is asked for', () => {
    const asked = {
      '': 'text',
      '*/*': 'text',
      'text/plain;version=0.0.4;q=1,*/*;q=0.1': 'text',
      'application/openmetrics-text': 'openmetrics',
      'application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1': 'openmetrics',
      'application/openmetrics-text;q=0.2,text/plain': 'text',
      'application/openmetrics-text;q=0': 'text',
      'application/openmetrics-text;q=nonsense': 'text',
      [`${'a,'.repeat(5000)}application/openmetrics-text`]: 'text',
    };
    for (const [accept, format] of Object.entries(asked)) expect(formatFor(accept), accept).to.equal(format);
    expect(formatFor(undefined)).to.equal('text');
  });
});
