import diagnosticsChannel from 'node:diagnostics_channel';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { type HttpLogDestinationOptions, httpLogDestination } from '../../exporters/http-log.ts';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { isSuppressed } from '../../src/context/suppression.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { recordWith } from '../logs/captured.ts';
import { child } from './log-files.ts';

interface Got {
  readonly method: string;
  readonly url: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly lines: Record<string, unknown>[];
}

type Answer = (response: http.ServerResponse, request: number) => void;

/** A log service that keeps what it is sent; `answer` says how it replies to each request, counted from 1. */
async function service(answer: Answer = (response) => response.end()) {
  const got: Got[] = [];
  const server = http.createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const { method = '', url = '', headers } = request;
    const text = headers['content-encoding'] === 'gzip' ? gunzipSync(bytes).toString() : bytes.toString();
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    got.push({ method, url, headers, lines });
    answer(response, got.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { got, host, close };
}

/** What the counters of `http_logs` rise by while `fn` runs. */
async function counted(fn: () => Promise<void>): Promise<Record<string, number>> {
  const before = new Map(diagnostics.counters());
  await fn();
  const names = [...diagnostics.counters().keys()].filter((name) => name.includes('http_logs'));
  const risen = names.map(
    (name) => [name, diagnostics.counters().get(name)! - (before.get(name) ?? 0)] as const,
  );
  return Object.fromEntries(risen.filter(([, by]) => by > 0));
}

const fast: Partial<HttpLogDestinationOptions> = {
  batch: { scheduleDelayMillis: 5 },
  retry: { initialMillis: 20, maxMillis: 40 },
};
const say = (message: string, fields = {}) => recordWith({ message, fields });
const messages = (got: readonly Got[]) => got.flatMap(({ lines }) => lines.map((line) => line.message));

describe('the HTTP log destination', () => {
  let before: ReturnType<typeof diagnostics.speakThrough>;
  let said: string[];

  beforeEach(() => {
    said = [];
    before = diagnostics.speakThrough((_level, message) => void said.push(message));
  });
  afterEach(() => void diagnostics.speakThrough(before));

  it('posts application/x-ndjson, one record a line, with user and password (A40)', async () => {
    const { got, host, close } = await service();
    const out = httpLogDestination({ ...fast, host, url: '/ingest?a=1', credentials: ['me', 'secret'] });
    out.write(say('one', { orderId: 1042 }));
    out.write(say('two\nlines'));
    await out.flush?.();
    out.close?.();
    close();
    expect(got).to.have.length(1);
    expect(got[0]).to.deep.include({ method: 'POST', url: '/ingest?a=1' });
    expect(got[0]!.headers['content-type']).to.equal('application/x-ndjson');
    expect(got[0]!.headers.authorization).to.equal(`Basic ${Buffer.from('me:secret').toString('base64')}`);
    expect(got[0]!.headers['user-agent']).to.match(/^Sonde-Log-Exporter/);
    expect(got[0]!.lines[0]).to.deep.include({
      level: 'INFO',
      logger: 'shop.orders',
      message: 'one',
      orderId: 1042,
    });
    expect(messages(got)).to.deep.equal(['one', 'two\nlines']);
  });

  it('compresses, uses another method and adds headers when told to', async () => {
    const { got, host, close } = await service();
    const headers = { 'x-stream': 'shop' };
    const out = httpLogDestination({ ...fast, host, url: 'in', method: 'put', compression: 'gzip', headers });
    out.write(say('x'));
    await out.flush?.();
    out.close?.();
    close();
    expect(got[0]).to.deep.include({ method: 'PUT', url: '/in' });
    expect(got[0]!.headers).to.include({ 'content-encoding': 'gzip', 'x-stream': 'shop' });
  });

  it('tries again, in order, what a service in trouble has not taken, and says so once (A40)', async () => {
    const { got, host, close } = await service((response, request) => {
      response.statusCode = request <= 3 ? 503 : 200;
      response.end('busy with s3cret-token');
    });
    const headers = { authorization: 'Bearer s3cret-token' };
    const out = httpLogDestination({ ...fast, host, url: '/ingest', headers });
    const counts = await counted(async () => {
      for (let n = 0; n < 1000; n++) out.write(say(`${n}`));
      while (got.length < 5) await sleep(10);
      await out.flush?.();
    });
    out.close?.();
    close();
    expect(messages(got.slice(3))).to.deep.equal(Array.from({ length: 1000 }, (_, n) => `${n}`));
    expect(counts).to.deep.equal({ 'emitted.http_logs': 1000, 'delivered.http_logs': 1000 });
    expect(said.filter((text) => text.includes('cannot be posted'))).to.have.length(1);
    expect(said.filter((text) => text.includes('again'))).to.have.length(1);
    expect(said.join()).to.contain('503').and.not.to.contain('s3cret');
  });

  it('drops and counts what a service refuses for good', async () => {
    const { host, close } = await service((response) => {
      response.statusCode = 400;
      response.end('no');
    });
    const out = httpLogDestination({ ...fast, host, url: '/ingest' });
    const counts = await counted(async () => {
      out.write(say('x'));
      await out.flush?.();
    });
    out.close?.();
    close();
    expect(counts).to.deep.equal({ 'emitted.http_logs': 1, 'dropped.http_logs.400': 1 });
  });

  it('takes records at once while the service hangs, as many as the queue holds, and counts the rest (A40, A41)', async () => {
    const { host, got, close } = await service(() => undefined);
    const out = httpLogDestination({
      ...fast,
      host,
      url: '/ingest',
      batch: { maxQueueSize: 1000, scheduleDelayMillis: 5 },
    });
    const counts = await counted(async () => {
      for (let n = 0; n < 100; n++) out.write(say(`${n}`));
      while (got.length === 0) await sleep(5);
      for (let n = 0; n < 5000; n++) out.write(say(`${n}`));
      out.flushSync?.();
    });
    out.close?.();
    close();
    expect(counts['emitted.http_logs']).to.equal(5100);
    expect(counts['dropped.http_logs.queue_full']).to.equal(4000);
    expect(counts['dropped.http_logs.shutdown']).to.equal(1000);
    expect(counts['dropped.http_logs.unanswered']).to.equal(100);
  });

  it('gives a hanging request up after its time', async () => {
    const { host, got, close } = await service((response, request) => void (request > 1 && response.end()));
    const out = httpLogDestination({ ...fast, host, url: '/ingest', timeoutMillis: 50 });
    out.write(say('x'));
    while (got.length < 2) await sleep(10);
    await out.flush?.();
    out.close?.();
    close();
    expect(messages(got)).to.deep.equal(['x', 'x']);
    expect(said.join()).to.contain('no answer within 50 ms');
  });

  it('does not hold the process while nobody answers, and says what was not sent', async () => {
    const { host, close } = await service(() => undefined);
    const { code, stderr } = await child(`
      const out = httpLogDestination({ host: '${host}', url: '/ingest', batch: { scheduleDelayMillis: 5 } });
      out.write(recordWith({ message: 'x' }));
      setTimeout(() => {}, 200);
    `).ended;
    close();
    expect(code).to.equal(0);
    expect(stderr).to.contain(`Lost in all: 1 log records to http://${host}`);
  });

  it('sends in a context that is not observed, whoever logged', async () => {
    const { host, close } = await service();
    const seen: boolean[] = [];
    const look = () => void seen.push(isSuppressed(activeContext()));
    diagnosticsChannel.subscribe('http.client.request.start', look);
    const out = httpLogDestination({ ...fast, host, url: '/ingest' });
    runIn(rootContext.setValue(Symbol('request'), 1), () => out.write(say('x')));
    await out.flush?.();
    out.close?.();
    close();
    diagnosticsChannel.unsubscribe('http.client.request.start', look);
    expect(seen).to.deep.equal([true]);
  });

  it('refuses at start what can never be sent, and posts where GET was asked for', async () => {
    expect(() => httpLogDestination({ host: 'http://x', url: '/' })).to.throw('write name or name:port');
    expect(() => httpLogDestination({ host: 'a b', url: '/' })).to.throw('write name or name:port');
    expect(() => httpLogDestination({ host: 'x:99999', url: '/' })).to.throw('not a URL');
    expect(() => httpLogDestination({ host: 'x', url: '/', headers: { a: 'b\n' } })).to.throw(
      '"a" cannot be sent',
    );
    const { got, host, close } = await service();
    const out = httpLogDestination({ ...fast, host, url: '/ingest', method: 'GET' });
    out.write(say('x'));
    await out.flush?.();
    out.close?.();
    close();
    expect(got[0]!.method).to.equal('POST');
    expect(said.join()).to.contain('GET carries no body');
  });
});
