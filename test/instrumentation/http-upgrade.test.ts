import { once } from 'node:events';
import type { Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { expect } from 'chai';
import { httpServer } from '../../instrumentation/http-server.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { connect, listen, type Running, rawRequest } from '../support/raw-http.ts';

const upgrade =
  'GET /chat HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: id-1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';
const tunnel = 'CONNECT db.internal:5432 HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: id-1\r\n\r\n';
const switching = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

describe('HTTP upgrade and connect', () => {
  let observed: Observed;
  let running: Running;

  async function serve(
    event?: 'upgrade' | 'connect',
    listener?: (socket: Duplex) => void,
    options?: ObservedOptions,
  ): Promise<void> {
    observed = observe([httpServer()], options);
    running = await listen((_request, response) => void response.end('ok'));
    if (event && listener) running.server.on(event, (_request, socket: Duplex) => listener(socket));
  }

  afterEach(async () => {
    await running.close();
    await observed.stop();
  });

  for (const [event, head, answer, status, name] of [
    ['upgrade', upgrade, switching, 101, 'GET'],
    ['connect', tunnel, 'HTTP/1.1 200 Connection Established\r\n\r\n', 200, 'CONNECT'],
  ] as const) {
    it(`${event} is a server span with status ${status} that ends with the handshake`, async () => {
      await serve(event, (socket) => socket.write(answer));
      const wire = await connect(running.port);
      await wire.send(head);
      await wire.read((text) => text.endsWith('\r\n\r\n'));
      const [span] = await observed.ended(1);
      expect(wire.socket.destroyed).to.equal(false);
      expect(span!.name).to.equal(name);
      expect(span!.kind).to.equal(SpanKind.SERVER);
      expect(span!.attributes['http.response.status_code']).to.equal(status);
      expect(span!.attributes).not.to.have.property('error.type');
      wire.socket.destroy();
      await sleep(10);
      expect(observed.spans).to.have.length(1);
      const points = await observed.points('http.server.request.duration');
      expect(
        points.map((point) => [point.attributes['http.response.status_code'], point.count]),
      ).to.deep.equal([[status, 1]]);
    });
  }

  it('runs the listener and the later events of its socket in its context', async () => {
    const found: (string | undefined)[] = [];
    const see = (): void => void found.push(stampOf(activeContext()).correlationId);
    const closed = Promise.withResolvers<void>();
    await serve('upgrade', (socket) => {
      see();
      socket.on('data', () => {
        see();
        setImmediate(see);
      });
      socket.on('end', () => socket.end());
      socket.on('close', () => {
        see();
        closed.resolve();
      });
      socket.write(switching);
    });
    const wire = await connect(running.port);
    await wire.send(upgrade);
    await wire.read((text) => text.endsWith('\r\n\r\n'));
    await wire.send('frame', 'frame');
    await sleep(10);
    wire.socket.destroy();
    await closed.promise;
    expect(found).to.have.length(6);
    expect(new Set(found)).to.deep.equal(new Set(['id-1']));
  });

  it('has the status that the listener refuses with', async () => {
    await serve('upgrade', (socket) => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'));
    await rawRequestUpgrade();
    const [span] = await observed.ended(1);
    expect(span!.attributes).to.include({ 'http.response.status_code': 503, 'error.type': '503' });
    expect(span!.status.code).to.equal(SpanStatusCode.ERROR);
  });

  it('is aborted when nobody answers', async () => {
    await serve('upgrade', (socket) => socket.destroy());
    await rawRequestUpgrade();
    const [span] = await observed.ended(1);
    expect(span!.attributes['error.type']).to.equal('aborted');
    expect(span!.attributes).not.to.have.property('http.response.status_code');
  });

  it('leaves the socket as it was after the handshake', async () => {
    let own: string[] = [];
    await serve('upgrade', (socket) => {
      socket.write(switching);
      own = ['write', 'end'].filter((name) => Object.hasOwn(socket, name));
    });
    const wire = await connect(running.port);
    await wire.send(upgrade);
    await wire.read((text) => text.endsWith('\r\n\r\n'));
    wire.socket.destroy();
    expect(own).to.deep.equal([]);
  });

  it('is one span when a server hands it on to another', async () => {
    await serve('upgrade', (socket) => socket.write(switching));
    const inner: Server = running.server;
    const outer = await listen((_request, response) => void response.end());
    outer.server.on('upgrade', (...args) => void inner.emit('upgrade', ...args));
    const wire = await connect(outer.port);
    await wire.send(upgrade);
    await wire.read((text) => text.endsWith('\r\n\r\n'));
    wire.socket.destroy();
    await observed.ended(1);
    await sleep(10);
    await outer.close();
    expect(observed.spans).to.have.length(1);
  });

  it('is not seen for an ignored path', async () => {
    await serve('upgrade', (socket) => socket.end(switching), { ignorePaths: ['/chat'] });
    await rawRequestUpgrade();
    await sleep(10);
    expect(observed.spans).to.deep.equal([]);
    expect(await observed.points('http.server.request.duration')).to.deep.equal([]);
  });

  it('changes nothing for a server that does not listen for it', async () => {
    await serve();
    const text = await rawRequest(running.port, 'GET / HTTP/1.1\r\nUpgrade: websocket');
    expect(text).to.match(/^HTTP\/1\.1 200/);
    expect(await observed.ended(1)).to.have.length(1);
    const wire = await connect(running.port);
    await wire.send(tunnel);
    await once(wire.socket, 'close');
    expect(observed.spans).to.have.length(1);
  });

  async function rawRequestUpgrade(): Promise<void> {
    const wire = await connect(running.port);
    await wire.send(upgrade);
    await wire.read(() => false);
    wire.socket.destroy();
  }
});
