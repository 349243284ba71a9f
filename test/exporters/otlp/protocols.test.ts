import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import * as grpcPart from '../../../exporters/otlp/grpc.ts';
import { type OtlpExporter, otlpExporter } from '../../../exporters/otlp/otlp.ts';
import type { OtlpProtocol, OtlpTarget, Signal } from '../../../src/config/config.ts';
import { collection, finishedSpans, logRecord, spanId, target, traceId } from '../../support/otlp-items.ts';
import { type OtlpSink, startSink } from '../../support/otlp-sink.ts';

const protocols: readonly OtlpProtocol[] = ['http/protobuf', 'http/json', 'grpc'];
const deps = { loadGrpc: () => grpcPart, logs: { resource: { attributes: { 'service.name': 'shop' } } } };

describe('OTLP', () => {
  let sink: OtlpSink;
  const open: OtlpExporter<any>[] = [];

  before(async () => {
    sink = await startSink();
  });
  afterEach(async () => {
    for (const exporter of open.splice(0)) await exporter.shutdown();
    sink.clear();
  });
  after(() => sink.close());

  function exporterOf<S extends Signal>(signal: S, protocol: OtlpProtocol, given: Partial<OtlpTarget> = {}) {
    const endpoint = protocol === 'grpc' ? sink.grpcUrl : `${sink.httpUrl}/v1/${signal}`;
    const exporter = otlpExporter(signal, target({ endpoint, protocol, ...given }), deps);
    open.push(exporter);
    return exporter;
  }

  for (const protocol of protocols) {
    describe(`by ${protocol}`, () => {
      it('carries spans whole', async () => {
        const spans = finishedSpans(2);
        expect(await exporterOf('traces', protocol).export(spans)).to.include({ outcome: 'ok' });
        expect(sink.faults).to.deep.equal([]);
        const [span, second] = sink.spans();
        const given = spans[0]!.spanContext();
        expect(span).to.deep.include({
          name: 'GET /orders 0',
          scope: 'shop',
          traceId: given.traceId,
          spanId: given.spanId,
          parentSpanId: '',
          kind: 2,
          status: { code: 2, message: 'no stock' },
          flags: 0x101,
        });
        expect(span!.resource).to.include({ 'service.name': 'shop' });
        expect(span!.attributes).to.deep.equal({
          text: 'grüß',
          whole: 7,
          part: 1.5,
          big: 2 ** 53 - 1,
          yes: true,
          list: ['a', 'b'],
        });
        expect(span!.events).to.have.length(1);
        expect(span!.events[0]).to.deep.include({ name: 'cached', attributes: { hit: false } });
        expect(span!.links).to.deep.equal([{ traceId, spanId, attributes: { why: 'retry' } }]);
        expect(span!.end >= span!.start && span!.start > 1_700_000_000_000_000_000n).to.equal(true);
        expect(second!.name).to.equal('GET /orders 1');
      });

      it('carries log records whole', async () => {
        const record = logRecord({
          eventName: 'order_created',
          bound: { tenant: 'acme', region: 'bound' },
          fields: {
            region: 'eu',
            nested: { deep: [1, { x: 'y' }] },
            bytes: Buffer.from('hey'),
            big: 2n ** 70n,
          },
        });
        await exporterOf('logs', protocol).export([record]);
        expect(sink.faults).to.deep.equal([]);
        expect(sink.logs()[0]).to.deep.include({
          scope: 'shop.orders',
          time: 1_795_233_313_307_250_000n,
          severityNumber: 9,
          severityText: 'INFO',
          body: 'order created',
          eventName: 'order_created',
          traceId,
          spanId,
          flags: 1,
        });
        expect(sink.logs()[0]!.attributes).to.deep.equal({
          correlation_id: 'order-1042',
          region: 'eu',
          nested: { deep: [1, { x: 'y' }] },
          bytes: Buffer.from('hey'),
          big: '1180591620717411303424',
          tenant: 'acme',
          'user.id': 42,
        });
      });

      it('carries an error with its causes and the errors it aggregates (A33)', async () => {
        const error = new AggregateError([new RangeError('first')], 'both failed', {
          cause: new TypeError('why', { cause: 'a text' }),
        });
        await exporterOf('logs', protocol).export([logRecord({ error })]);
        const { attributes } = sink.logs()[0]!;
        expect(attributes).to.include({
          'exception.type': 'AggregateError',
          'exception.message': 'both failed',
        });
        const stack = String(attributes['exception.stacktrace']);
        expect(stack).to.match(/^AggregateError: both failed\n {4}at /);
        expect(stack).to.match(/\n\[1 of 1\] RangeError: first\n {4}at /);
        expect(stack).to.match(/\ncaused by: TypeError: why\n {4}at /);
        expect(stack).to.match(/\ncaused by: string: a text$/);
      });

      it('carries every kind of metric', async () => {
        await exporterOf('metrics', protocol).export([await collection()]);
        expect(sink.faults).to.deep.equal([]);
        const metrics = Object.fromEntries(sink.metrics().map((metric) => [metric.name, metric]));
        expect(metrics.orders).to.deep.include({
          kind: 'sum',
          unit: '{order}',
          monotonic: true,
          temporality: 2,
        });
        expect(metrics.orders!.points[0]).to.deep.include({ value: 3, attributes: { kind: 'new' } });
        expect(metrics.orders!.points[0]!.raw.asInt).to.equal(3n);
        expect(metrics.carts).to.deep.include({ kind: 'sum', monotonic: false });
        expect(metrics.carts!.points[0]!.value).to.equal(-2.5);
        expect(metrics.temperature).to.include({ kind: 'gauge', unit: 'Cel' });
        const [duration] = metrics.duration!.points;
        expect(duration).to.include({ count: 3, sum: 12_007.003, min: 0.003, max: 12_000 });
        expect(duration!.bucketCounts!.length).to.equal(duration!.explicitBounds!.length + 1);
        expect(metrics.orders!.scope).to.equal('shop');
      });

      it('loses no good record to a hostile one', async () => {
        const revoked = Proxy.revocable({}, {});
        revoked.revoke();
        const circle: Record<string, unknown> = {};
        circle.self = circle;
        const hostile: unknown[] = [
          Symbol('s'), 1n, circle, () => 1, revoked.proxy, undefined, Number.NaN, '\ud800', 'x'.repeat(1_000_000),
          new Map(), new Date(Number.NaN), Object.create(null), { get a() { throw new Error('no'); } },
        ]; // biome-ignore format: a list
        const records = hostile.flatMap((value, i) => [
          logRecord({ fields: { value }, message: `bad ${i}` }),
          logRecord({ message: `good ${i}` }),
          logRecord({ error: value, fields: revoked.proxy as never, message: value as string }),
        ]);
        const result = await exporterOf('logs', protocol).export(records);
        expect(result).to.deep.equal({ outcome: 'ok', note: undefined });
        expect(sink.faults).to.deep.equal([]);
        expect(sink.logs()).to.have.length(records.length);
      });

      it('leaves out a span that cannot be encoded, alone', async () => {
        const spans = finishedSpans(3);
        Object.defineProperty(spans[1], 'startTime', {
          get: () => {
            throw new Error('no');
          },
        });
        const result = await exporterOf('traces', protocol).export(spans);
        expect(result).to.include({ outcome: 'ok', rejectedItems: 1 });
        expect(sink.spans().map((span) => span.name)).to.deep.equal(['GET /orders 0', 'GET /orders 2']);
      });

      it('compresses, and sends the configured headers and its own name', async () => {
        const given = { compression: 'gzip', headers: { 'X-Api-Key': 'k-1' } } as const;
        const records = Array.from({ length: 50 }, () => logRecord());
        await exporterOf('logs', protocol, given).export(records);
        expect(sink.logs()).to.have.length(50);
        const [request] = sink.requests;
        expect(request!.headers).to.include({ 'x-api-key': 'k-1' });
        expect(request!.headers['user-agent']).to.match(/^Sonde-OTLP-Exporter-JavaScript\/\d/);
        if (protocol === 'grpc') return;
        expect(request!.headers).to.include({ 'content-encoding': 'gzip' });
        expect(request!.wireBytes).to.be.below(request!.bytes.length / 4);
        expect(request!.headers['content-length']).to.equal(String(request!.wireBytes));
      });
    });
  }

  it('uses one connection for the three signals, one request after the other', async () => {
    await exporterOf('traces', 'http/protobuf').export(finishedSpans());
    await exporterOf('logs', 'http/protobuf').export([logRecord()]);
    await exporterOf('metrics', 'http/protobuf').export([await collection()]);
    expect(new Set(sink.requests.map((request) => request.connection)).size).to.equal(1);
  });

  it('sends basic credentials from the URL as a header, not in the path', async () => {
    const endpoint = `${sink.httpUrl.replace('//', '//me:se%20cret@')}/v1/logs`;
    await exporterOf('logs', 'http/protobuf', { endpoint }).export([logRecord()]);
    const expected = `Basic ${Buffer.from('me:se cret').toString('base64')}`;
    expect(sink.requests[0]!.headers.authorization).to.equal(expected);
  });

  it('compresses grpc messages on the wire and names its deadline', async () => {
    const server = http2.createServer();
    const seen = new Promise<{ headers: http2.IncomingHttpHeaders; body: Buffer }>((resolve) => {
      server.on('stream', (stream, headers) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('end', () => {
          resolve({ headers, body: Buffer.concat(chunks) });
          stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
          stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
          stream.end(Buffer.alloc(5));
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const exporter = exporterOf('logs', 'grpc', { endpoint, compression: 'gzip' });
    expect(await exporter.export([logRecord()])).to.include({ outcome: 'ok' });
    const { headers, body } = await seen;
    expect(headers).to.include({ 'grpc-encoding': 'gzip', 'grpc-timeout': '2000m', te: 'trailers' });
    expect(body[0]).to.equal(1);
    expect(gunzipSync(body.subarray(5)).includes('order created')).to.equal(true);
    await exporter.shutdown();
    server.close();
  });

  it('writes what JSON has no number for by name', async () => {
    const fields = { nan: Number.NaN, up: Number.POSITIVE_INFINITY, whole: 12 };
    await exporterOf('logs', 'http/json').export([logRecord({ fields })]);
    const text = sink.requests[0]!.bytes.toString();
    expect(text).to.include('{"doubleValue":"NaN"}').and.include('{"doubleValue":"Infinity"}');
    expect(text).to.include('{"intValue":"12"}');
  });

  it('keeps what a field may not forge, and counts what exceeds the attribute limit', async () => {
    const logs = { ...deps.logs, attributeCountLimit: 3, requestId: true };
    const endpoint = `${sink.httpUrl}/v1/logs`;
    const exporter = otlpExporter('logs', target({ endpoint }), { ...deps, logs });
    open.push(exporter);
    await exporter.export([logRecord({ fields: { correlation_id: 'forged', a: 1, b: 2 } })]);
    expect(sink.logs()[0]!.attributes).to.deep.equal({
      correlation_id: 'order-1042',
      request_id: 'request-7',
      'attributes.correlation_id': 'forged',
    });
    const { logRecords } = sink.requests[0]!.message.resourceLogs[0].scopeLogs[0];
    expect(logRecords[0].droppedAttributesCount).to.equal(3);
  });
});
