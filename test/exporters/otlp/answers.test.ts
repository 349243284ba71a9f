import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { expect } from 'chai';
import * as grpcPart from '../../../exporters/otlp/grpc.ts';
import { retryAfter } from '../../../exporters/otlp/http.ts';
import { type OtlpExporter, otlpExporter } from '../../../exporters/otlp/otlp.ts';
import type { OtlpProtocol, OtlpTarget } from '../../../src/config/config.ts';
import { ear, logRecord, target } from '../../support/otlp-items.ts';
import { encode } from '../../support/otlp-schema.ts';
import { type OtlpSink, startSink } from '../../support/otlp-sink.ts';

const deps = { loadGrpc: () => grpcPart, logs: { resource: { attributes: {} } } };
const protocols: readonly OtlpProtocol[] = ['http/protobuf', 'http/json', 'grpc'];

describe('an OTLP answer', () => {
  let sink: OtlpSink;
  const open: OtlpExporter<any>[] = [];

  before(async () => {
    sink = await startSink();
  });
  afterEach(async () => {
    for (const exporter of open.splice(0)) await exporter.shutdown();
    sink.failAlways(undefined);
    sink.clear();
  });
  after(() => sink.close());

  function send(protocol: OtlpProtocol, given: Partial<OtlpTarget> = {}) {
    const endpoint = protocol === 'grpc' ? sink.grpcUrl : `${sink.httpUrl}/v1/logs`;
    const exporter = otlpExporter('logs', target({ endpoint, protocol, ...given }), deps);
    open.push(exporter);
    return exporter.export([logRecord()]);
  }

  for (const status of [429, 502, 503, 504]) {
    it(`of ${status} is worth another attempt`, async () => {
      sink.failNext({ status });
      expect(await send('http/protobuf')).to.include({ outcome: 'failed', code: status });
    });
  }

  for (const status of [300, 307, 400, 401, 403, 404, 405, 408, 413, 415, 500, 501, 505]) {
    it(`of ${status} is final`, async () => {
      sink.failNext({ status });
      expect(await send('http/protobuf')).to.include({ outcome: 'rejected', code: status });
    });
  }

  const again = {
    1: 'CANCELLED',
    4: 'DEADLINE_EXCEEDED',
    10: 'ABORTED',
    11: 'OUT_OF_RANGE',
    14: 'UNAVAILABLE',
    15: 'DATA_LOSS',
  };
  for (const [number, code] of Object.entries(again)) {
    it(`of gRPC ${code} is worth another attempt`, async () => {
      sink.failNext({ grpcCode: Number(number) });
      expect(await send('grpc')).to.include({ outcome: 'failed', code });
    });
  }

  const final = {
    2: 'UNKNOWN',
    3: 'INVALID_ARGUMENT',
    5: 'NOT_FOUND',
    6: 'ALREADY_EXISTS',
    7: 'PERMISSION_DENIED',
    8: 'RESOURCE_EXHAUSTED',
    9: 'FAILED_PRECONDITION',
    12: 'UNIMPLEMENTED',
    13: 'INTERNAL',
    16: 'UNAUTHENTICATED',
  };
  for (const [number, code] of Object.entries(final)) {
    it(`of gRPC ${code} is final`, async () => {
      sink.failNext({ grpcCode: Number(number) });
      expect(await send('grpc')).to.include({ outcome: 'rejected', code });
    });
  }

  it('of RESOURCE_EXHAUSTED with a RetryInfo says when to come again', async () => {
    const value = encode('RetryInfo', { retryDelay: { seconds: 7, nanos: 500_000_000 } });
    const details = [{ typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value }];
    const status = encode('Status', { code: 8, message: 'slow down', details });
    sink.failNext({ grpcCode: 8, grpcMetadata: { 'grpc-status-details-bin': status } });
    expect(await send('grpc')).to.include({ outcome: 'failed', retryAfterMillis: 7500 });
  });

  it('may ask for a pause in seconds or until a date', async () => {
    sink.failNext({ status: 503, headers: { 'retry-after': '5' } });
    expect((await send('http/protobuf')).retryAfterMillis).to.equal(5000);
    const date = new Date(Date.now() + 60_000).toUTCString();
    expect(retryAfter(date)).to.be.within(58_000, 60_000);
    expect(retryAfter(new Date(0).toUTCString())).to.equal(0);
    expect(retryAfter('soon')).to.equal(undefined);
  });

  it('is quoted in its own words: a protobuf status, a JSON status, plain text, a gRPC message', async () => {
    const rejected = { status: 400, body: encode('Status', { code: 3, message: 'bad span' }) };
    sink.failNext(rejected);
    expect((await send('http/protobuf')).reason).to.match(/answered 400: "bad span"$/);
    sink.failNext({ status: 400, body: '{"code":3,"message":"bad json"}' });
    expect((await send('http/json')).reason).to.match(/answered 400: "bad json"$/);
    sink.failNext({ status: 400, headers: { 'content-type': 'text/plain' }, body: 'just no' });
    expect((await send('http/protobuf')).reason).to.match(/answered 400: "just no"$/);
    sink.failNext({ grpcCode: 3, grpcMessage: 'größer als 4 MB' });
    expect((await send('grpc')).reason).to.match(/answered INVALID_ARGUMENT: "größer als 4 MB"$/);
  });

  it('is quoted short, on one line, and without terminal escapes', async () => {
    const body = `line 1\r\nline 2 \u001b[31mred\u0000${'x'.repeat(1000)}`;
    sink.failNext({ status: 400, headers: { 'content-type': 'text/plain' }, body });
    const { reason } = await send('http/protobuf');
    expect(reason)
      .to.include('"line 1 line 2 [31mred x')
      .and.not.match(/\p{Cc}/u);
    expect(reason!.length).to.be.below(400);
  });

  it('never gives a secret away, not even one that the receiver repeats', async () => {
    const endpoint = `${sink.httpUrl.replace('//', '//user:pass-word@')}/v1/logs?token=in-query`;
    const headers = { authorization: 'Bearer in-header' };
    const basic = Buffer.from('user:pass-word').toString('base64');
    const body = `no: in-header in-query pass-word ${basic} Bearer in-header`;
    sink.failNext({ status: 401, headers: { 'content-type': 'text/plain' }, body });
    const { reason } = await send('http/protobuf', { endpoint, headers });
    expect(reason)
      .to.include('refused the credentials (401) "no: [redacted]')
      .and.include('OTEL_EXPORTER_OTLP_HEADERS');
    for (const secret of ['in-header', 'in-query', 'pass-word', basic]) expect(reason).not.to.include(secret);
  });

  for (const protocol of protocols) {
    it(`of partial success by ${protocol} is taken, with what was refused and why`, async () => {
      sink.failNext({ partial: { rejected: 3, message: 'too old' } });
      const result = await send(protocol);
      expect(result).to.include({ outcome: 'ok', rejectedItems: 3 });
      expect(result.reason).to.match(/refused a part: "too old"$/);
    });

    it(`that never comes by ${protocol} ends with the timeout`, async () => {
      sink.failNext({ connection: 'hang' });
      const code = protocol === 'grpc' ? 'DEADLINE_EXCEEDED' : 'ETIMEDOUT';
      const result = await send(protocol, { timeoutMillis: 50 });
      expect(result).to.include({ outcome: 'failed', code });
      expect(result.reason).to.include('gave no answer within 50 ms');
      expect(await send(protocol)).to.include({ outcome: 'ok' });
    });

    it(`of garbage by ${protocol} costs nothing but a warning`, async () => {
      const heard = ear();
      sink.failNext({ body: Buffer.from([0xff, 0xff, 0xff]) });
      // Said once for each place, so that only the first and the grpc port are heard.
      expect(await send(protocol)).to.include({ outcome: 'ok' });
      heard.close();
      const warned = heard.said.filter((line) => line.includes('an answer that is not OTLP'));
      expect(warned).to.have.length(protocol === 'http/json' ? 0 : 1);
    });
  }

  it('of a redirect is not followed, and says so without the query', async () => {
    const location = 'https://elsewhere.example/v1/logs?sig=secret';
    sink.failNext({ status: 307, headers: { location } });
    const { reason } = await send('http/protobuf');
    expect(reason).to.include(
      'redirects (307) to https://elsewhere.example/v1/logs and redirects are not followed',
    );
    expect(sink.requests).to.have.length(1);
  });

  it('of a cut connection is worth another attempt', async () => {
    sink.failNext({ connection: 'reset' });
    expect(await send('http/protobuf')).to.include({ outcome: 'failed', code: 'ECONNRESET' });
  });

  it('without end is read to 64 kB', async () => {
    const server = http.createServer((_, res) => {
      res.writeHead(400, { 'content-type': 'text/plain' });
      const pour = () => {
        while (!res.destroyed && res.write('x'.repeat(16_384)));
      };
      res.on('drain', pour).on('error', () => undefined);
      pour();
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`;
    expect(await send('http/protobuf', { endpoint })).to.include({ outcome: 'rejected', code: 400 });
    server.closeAllConnections();
    server.close();
  });

  it('is asked for again at once where a kept connection was closed at that moment', async () => {
    const server = net.createServer((socket) => {
      let requests = 0;
      socket.on('data', (chunk) => {
        if (!chunk.includes('POST')) return;
        if (++requests === 2) return void socket.resetAndDestroy();
        socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
      });
      socket.on('error', () => undefined);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/logs`;
    const exporter = otlpExporter('logs', target({ endpoint }), deps);
    open.push(exporter);
    for (let i = 0; i < 2; i++) expect(await exporter.export([logRecord()])).to.include({ outcome: 'ok' });
    server.close();
  });

  describe('names cause and fix where', () => {
    const cases: [where: string, given: () => Partial<OtlpTarget>, says: RegExp][] = [
      [
        'nobody listens',
        () => ({ endpoint: 'http://127.0.0.1:1/v1/logs' }),
        /nobody listens at http:\/\/127\.0\.0\.1:1 \(ECONNREFUSED\)/,
      ],
      [
        'nobody listens for grpc',
        () => ({ endpoint: 'http://localhost:1', protocol: 'grpc' }),
        /nobody listens at http:\/\/localhost:1 \(ECONNREFUSED\)/,
      ],
      [
        'the name is unknown',
        () => ({ endpoint: 'http://no.such.invalid/v1/logs' }),
        /no\.such\.invalid is not known \((ENOTFOUND|EAI_AGAIN)\)/,
      ],
      [
        'the path is given twice',
        () => ({ endpoint: `${sink.httpUrl}/v1/logs/v1/logs` }),
        /\/v1\/logs is added to OTEL_EXPORTER_OTLP_ENDPOINT/,
      ],
      [
        'the path is wrong',
        () => ({ endpoint: `${sink.httpUrl}/api` }),
        /has no \/api \(404\).*OTLP receivers usually take \/v1\/logs/,
      ],
      [
        'http meets a gRPC port',
        () => ({ endpoint: `${sink.grpcUrl}/v1/logs` }),
        /may be a gRPC port.*OTEL_EXPORTER_OTLP_PROTOCOL=grpc/,
      ],
      [
        'grpc meets an HTTP port',
        () => ({ endpoint: sink.httpUrl, protocol: 'grpc' }),
        /does not speak gRPC.*OTEL_EXPORTER_OTLP_PROTOCOL=http\/protobuf/,
      ],
      [
        'TLS meets a plain port',
        () => ({ endpoint: `${sink.httpUrl.replace('http', 'https')}/v1/logs` }),
        /does not speak TLS \(EPROTO\): write http:\/\//,
      ],
      [
        'TLS of grpc meets a plain port',
        () => ({ endpoint: sink.grpcUrl.replace('http', 'https'), protocol: 'grpc' }),
        /does not speak TLS .*write http:\/\//,
      ],
      [
        'the scheme is missing',
        () => ({ endpoint: 'me:secret@collector:4318/v1/logs?key=secret' }),
        /"collector:4318\/v1\/logs" has no scheme: write http:\/\/collector:4318 or/,
      ],
      [
        'the scheme is another one',
        () => ({ endpoint: 'ftp://collector' }),
        /only http:\/\/, https:\/\/ and unix:\/\/ are spoken/,
      ],
      ['it is no URL', () => ({ endpoint: 'http://:x' }), /is not a URL/],
      [
        'a header cannot be sent',
        () => ({ headers: { 'x-key': 'a\nb' } }),
        /the header "x-key" of OTEL_EXPORTER_OTLP_HEADERS cannot be sent/,
      ],
    ];
    for (const [where, given, says] of cases) {
      it(where, async () => {
        const { protocol = 'http/protobuf', ...rest } = given();
        const { outcome, reason } = await send(protocol, rest);
        expect(outcome).not.to.equal('ok');
        expect(reason).to.match(says).and.not.include('secret');
      });
    }
  });
});
