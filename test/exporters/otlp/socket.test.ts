import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as grpcPart from '../../../exporters/otlp/grpc.ts';
import { otlpExporter } from '../../../exporters/otlp/otlp.ts';
import type { OtlpProtocol } from '../../../src/config/config.ts';
import { resolveConfig } from '../../../src/config/resolve.ts';
import { logRecord } from '../../support/otlp-items.ts';
import { type OtlpSink, startSink } from '../../support/otlp-sink.ts';

const deps = { loadGrpc: () => grpcPart, logs: { resource: { attributes: {} } } };
const protocols: readonly OtlpProtocol[] = ['http/protobuf', 'http/json', 'grpc'];

describe('OTLP to a Unix socket', () => {
  let sink: OtlpSink;
  let folder: string;
  const servers: net.Server[] = [];
  const sockets = new Set<net.Socket>();

  before(async () => {
    sink = await startSink();
    folder = mkdtempSync(join(tmpdir(), 'sonde-socket-'));
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    await sink.close();
    rmSync(folder, { recursive: true });
  });

  /** The receiver, reached by a path. */
  async function listen(name: string, url: string): Promise<string> {
    const path = join(folder, name);
    const server = net.createServer((client) => {
      const receiver = net.connect(Number(new URL(url).port), '127.0.0.1');
      for (const socket of [client, receiver]) {
        sockets.add(socket);
        socket.on('error', () => undefined);
      }
      client.pipe(receiver).pipe(client);
    });
    servers.push(server);
    server.listen(path);
    await once(server, 'listening');
    return path;
  }

  function exporterTo(endpoint: string, protocol: OtlpProtocol) {
    const { logs } = resolveConfig({ otlp: { endpoint, protocol } }, {}).config.otlp;
    return otlpExporter('logs', logs, deps);
  }

  for (const protocol of protocols) {
    it(`brings what it has by ${protocol}, again and again`, async () => {
      const name = `${protocol.replace('/', '-')}.sock`;
      const path = await listen(name, protocol === 'grpc' ? sink.grpcUrl : sink.httpUrl);
      sink.clear();
      const exporter = exporterTo(`http+unix://${encodeURIComponent(path)}`, protocol);
      for (let i = 0; i < 3; i++) expect(await exporter.export([logRecord()])).to.include({ outcome: 'ok' });
      await exporter.shutdown();
      expect(sink.logs()).to.have.length(3);
      expect(sink.requests[0]?.protocol).to.equal(protocol);
    });
  }

  it('takes the plain form', async () => {
    const path = await listen('plain.sock', sink.httpUrl);
    sink.clear();
    const exporter = exporterTo(`unix://${path}`, 'http/protobuf');
    expect(await exporter.export([logRecord()])).to.include({ outcome: 'ok' });
    await exporter.shutdown();
    expect(sink.requests.map(({ path: asked }) => asked)).to.deep.equal(['/v1/logs']);
  });

  for (const protocol of protocols) {
    it(`says where there is no socket, and keeps what it has (${protocol})`, async () => {
      const path = join(folder, 'none.sock');
      const exporter = exporterTo(`unix://${path}`, protocol);
      const { outcome, reason } = await exporter.export([logRecord()]);
      await exporter.shutdown();
      expect(outcome).to.equal('failed');
      expect(reason).to.match(/^there is no socket unix:.*none\.sock \(ENOENT\): start a collector there/);
    });
  }
});
