import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import https from 'node:https';
import tls from 'node:tls';
import { SpanKind } from '@opentelemetry/api';
import { expect } from 'chai';
import * as undici from 'undici';
import { fetchClient } from '../../instrumentation/fetch.ts';
import { httpClient } from '../../instrumentation/http-client.ts';
import { httpServer } from '../../instrumentation/http-server.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type Observed, observe } from '../support/observed.ts';
import { listen, type Running } from '../support/raw-http.ts';

const file = (name: string): Buffer => readFileSync(new URL(`../fixtures/tls/${name}`, import.meta.url));
const ca = file('ca.pem');
const identity = { key: file('server.key'), cert: file('server.pem') };

describe('HTTPS', () => {
  let observed: Observed;
  let running: Running;
  let stamped: (string | undefined)[];

  beforeEach(async () => {
    stamped = [];
    observed = observe([httpServer(), httpClient(), fetchClient()]);
    const server = https.createServer(identity, (request, response) => {
      request.on('end', () => stamped.push(stampOf(activeContext()).correlationId));
      request.resume();
      response.end('ok');
    });
    running = await listen(server as never);
  });

  afterEach(async () => {
    await running.close();
    await observed.stop();
  });

  it('is one trace of a client and a server span, both by its scheme, with the id sent and echoed', async () => {
    const headers = { 'X-Correlation-ID': 'abc-1' };
    const request = https.get({ port: running.port, host: 'localhost', path: '/orders', ca, headers });
    const [response] = await once(request, 'response');
    response.resume();
    await once(response, 'end');
    const spans = await observed.ended(2);
    const client = spans.find((span) => span.kind === SpanKind.CLIENT)!;
    const server = spans.find((span) => span.kind === SpanKind.SERVER)!;
    for (const name of ['sonde.dns_ms', 'sonde.connect_ms', 'sonde.tls_ms']) {
      expect(client.attributes[name], name).to.be.a('number').at.least(0);
    }
    expect(client.attributes['url.full']).to.equal(`https://localhost:${running.port}/orders`);
    expect(server.attributes).to.include({ 'url.scheme': 'https', 'server.port': running.port });
    expect(server.parentSpanContext?.spanId).to.equal(client.spanContext().spanId);
    expect(response.headers['x-correlation-id']).to.equal('abc-1');
    expect(stamped).to.deep.equal(['abc-1']);
  });

  it('says of a connection that undici opens how long its parts took', async () => {
    const agent = new undici.Agent({ connect: { ca, servername: 'localhost' } });
    const { body } = await undici.request(`https://localhost:${running.port}`, { dispatcher: agent });
    await body.text();
    await agent.close();
    const client = (await observed.ended(2)).find((span) => span.kind === SpanKind.CLIENT)!;
    expect(client.attributes).to.include.all.keys('sonde.dns_ms', 'sonde.connect_ms', 'sonde.tls_ms');
  });

  it('has its upgrades seen too', async () => {
    running.server.on('upgrade', (_request, socket) => {
      stamped.push(stampOf(activeContext()).correlationId);
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    });
    const socket = tls.connect({ port: running.port, host: 'localhost', ca });
    socket.resume();
    socket.write(
      'GET / HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: id-1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    );
    const [span] = await observed.ended(1);
    socket.destroy();
    expect(span!.attributes).to.include({ 'http.response.status_code': 101, 'url.scheme': 'https' });
    expect(stamped).to.deep.equal(['id-1']);
  });
});
