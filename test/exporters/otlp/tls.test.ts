import { copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as grpcPart from '../../../exporters/otlp/grpc.ts';
import { type OtlpExporter, otlpExporter } from '../../../exporters/otlp/otlp.ts';
import type { OtlpProtocol, OtlpTarget } from '../../../src/config/config.ts';
import { logRecord, target } from '../../support/otlp-items.ts';
import { type OtlpSink, startSink } from '../../support/otlp-sink.ts';

const deps = { loadGrpc: () => grpcPart, logs: { resource: { attributes: {} } } };
const file = (name: string) => join(import.meta.dirname, '../../fixtures/tls', name);
const pem = (name: string) => readFileSync(file(name), 'utf8');
const server = { key: pem('server.key'), cert: pem('server.pem') };
const client = { clientKey: file('client.key'), clientCertificate: file('client.pem') };
const protocols: readonly OtlpProtocol[] = ['http/protobuf', 'grpc'];

describe('OTLP over TLS', () => {
  let trusting: OtlpSink;
  let demanding: OtlpSink;
  const open: OtlpExporter<any>[] = [];

  before(async () => {
    trusting = await startSink({ tls: server });
    demanding = await startSink({ tls: { ...server, ca: pem('ca.pem') } });
  });
  afterEach(async () => {
    for (const exporter of open.splice(0)) await exporter.shutdown();
  });
  after(() => Promise.all([trusting.close(), demanding.close()]));

  function send(sink: OtlpSink, protocol: OtlpProtocol, given: Partial<OtlpTarget> = {}) {
    const url = protocol === 'grpc' ? sink.grpcUrl : `${sink.httpUrl}/v1/logs`;
    const endpoint = url.replace('127.0.0.1', 'localhost');
    const exporter = otlpExporter('logs', target({ endpoint, protocol, ...given }), deps);
    open.push(exporter);
    return exporter.export([logRecord()]);
  }

  for (const protocol of protocols) {
    it(`trusts the named CA (${protocol})`, async () => {
      const result = await send(trusting, protocol, { certificate: file('ca.pem') });
      expect(result).to.include({ outcome: 'ok' });
    });

    it(`does not trust a certificate of an unknown issuer, and names the variable (${protocol})`, async () => {
      const { outcome, reason } = await send(trusting, protocol);
      expect(outcome).to.equal('failed');
      expect(reason).to.match(
        /certificate of https:\/\/localhost:\d+ is not trusted .*OTEL_EXPORTER_OTLP_CERTIFICATE/,
      );
    });

    it(`shows its client certificate where one is demanded (${protocol})`, async () => {
      const result = await send(demanding, protocol, { certificate: file('ca.pem'), ...client });
      expect(result).to.include({ outcome: 'ok' });
    });

    it(`says that a client certificate is missing (${protocol})`, async () => {
      const { outcome, reason } = await send(demanding, protocol, { certificate: file('ca.pem') });
      expect(outcome).to.equal('failed');
      expect(reason).to.match(/OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE|cut the connection/);
    });
  }

  const broken: [what: string, given: Partial<OtlpTarget>, says: string][] = [
    ['a missing file', { certificate: file('none.pem') }, 'OTEL_EXPORTER_OTLP_CERTIFICATE names '],
    ['a file without PEM', { certificate: file('README.md') }, 'which is not a PEM file'],
    [
      'a key without its certificate',
      { clientKey: client.clientKey },
      'OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE is missing',
    ],
    [
      'a certificate without its key',
      { clientCertificate: client.clientCertificate },
      'OTEL_EXPORTER_OTLP_CLIENT_KEY is missing',
    ],
  ];
  for (const [what, given, says] of broken) {
    it(`names ${what} at the first batch, and does not try again`, async () => {
      const { outcome, reason } = await send(trusting, 'http/protobuf', given);
      expect(outcome).to.equal('rejected');
      expect(reason).to.include(says);
    });
  }

  for (const protocol of protocols) {
    it(`uses a renewed file with the next request, while the process runs (${protocol})`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'sonde-tls-'));
      const certificate = join(folder, 'ca.pem');
      const renew = (name: string, seconds: number) => {
        copyFileSync(file(name), certificate);
        utimesSync(certificate, seconds, seconds);
      };
      renew('client.pem', 1);
      const url = protocol === 'grpc' ? trusting.grpcUrl : `${trusting.httpUrl}/v1/logs`;
      const endpoint = url.replace('127.0.0.1', 'localhost');
      const exporter = otlpExporter('logs', target({ endpoint, protocol, certificate }), deps);
      open.push(exporter);
      expect(await exporter.export([logRecord()])).to.include({ outcome: 'failed' });
      renew('ca.pem', 2);
      expect(await exporter.export([logRecord()])).to.include({ outcome: 'ok' });
      // A file that is just being written takes nothing away.
      writeFileSync(certificate, '');
      expect(await exporter.export([logRecord()])).to.include({ outcome: 'ok' });
      renew('client.pem', 3);
      expect(await exporter.export([logRecord()])).to.include({ outcome: 'failed' });
      rmSync(folder, { recursive: true });
    });
  }
});
