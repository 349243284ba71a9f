import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { openPage, type PrometheusPage } from '../../../exporters/prometheus/prometheus.ts';
import { defaults } from '../../../src/config/config.ts';
import type { SondeMeter } from '../../../src/metrics/meter.ts';
import { SondeMeterProvider } from '../../../src/metrics/meter-provider.ts';
import { metrics } from '../../../src/metrics/mount.ts';
import { offerPage, withdrawPage } from '../../../src/metrics/page.ts';
import { runNode } from '../../support/child.ts';
import { type Ear, ear, eventually } from '../../support/otlp-items.ts';
import { appFolder } from '../../support/tarball.ts';

const close = { connection: 'close' };

function opened(
  port = 0,
  exporters = ['prometheus'],
  host = '127.0.0.1',
): { page: PrometheusPage; meter: SondeMeter } {
  const provider = new SondeMeterProvider({ resource: { attributes: { 'service.name': 'shop' } } });
  const page = openPage({
    config: { ...defaults.metrics, exporters, prometheus: { host, port } },
    addReader: (reader) => provider.addReader(reader),
  });
  return { page, meter: provider.getMeter('shop') as SondeMeter };
}

describe('the port of metrics', function () {
  this.timeout(30_000);
  let heard: Ear;
  const pages: PrometheusPage[] = [];
  const servers: Server[] = [];
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => {
    heard.close();
    for (const page of pages.splice(0)) page.close();
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });

  async function listening(port?: number) {
    const own = opened(port);
    pages.push(own.page);
    const server = await own.page.server;
    return {
      ...own,
      url: `http://127.0.0.1:${server?.port}/metrics`,
      port: server?.port ?? 0,
    };
  }

  async function taken(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  }

  it('serves the page by content negotiation, HEAD too, and nothing else', async () => {
    const { meter, url } = await listening();
    meter.createCounter('orders').add(3);
    const text = await fetch(url, { headers: close });
    expect(text.headers.get('content-type')).to.equal('text/plain; version=0.0.4; charset=utf-8');
    expect(await text.text()).to.match(/^orders_total\{[^}]*\} 3$/m);
    const open = await fetch(url, { headers: { ...close, accept: 'application/openmetrics-text' } });
    expect(open.headers.get('content-type')).to.match(/^application\/openmetrics-text; version=1.0.0/);
    const head = await fetch(url, { headers: close, method: 'HEAD' });
    expect([head.status, Number(head.headers.get('content-length')) > 0]).to.deep.equal([200, true]);
    const post = await fetch(url, { headers: close, method: 'POST', body: 'x' });
    expect([post.status, post.headers.get('allow')]).to.deep.equal([405, 'GET, HEAD']);
    expect((await fetch(url.replace('/metrics', '/'), { headers: close })).status).to.equal(404);
  });

  it('tells uptime, requests and when both began as JSON (A59)', async () => {
    const { meter, url } = await listening();
    const duration = meter.createHistogram('http.server.request.duration', { unit: 's' });
    for (const route of ['/a', '/a', '/b']) duration.record(0.1, { 'http.route': route });
    const answer = await fetch(`${url}?format=json`, { headers: close });
    expect(answer.headers.get('content-type')).to.equal('application/json');
    const body = (await answer.json()) as any;
    expect(Object.keys(body)).to.deep.equal(['uptime_seconds', 'requests_total', 'start_time']);
    expect(body.requests_total).to.equal(3);
    expect(body.uptime_seconds).to.be.within(0.01, process.uptime());
    const started = Date.now() - process.uptime() * 1000;
    expect(new Date(body.start_time).getTime()).to.be.closeTo(started, 1_000);
  });

  it('that somebody holds is one line with its holder, and the app runs on', async () => {
    const port = await taken();
    const { meter } = await listening(port);
    meter.createCounter('orders').add(1);
    expect(heard.said).to.have.length(1);
    const where = `http://127.0.0.1:${port}/metrics`;
    const holder = process.platform === 'linux' ? ` by \\S+ \\(process ${process.pid}\\)` : '';
    expect(heard.said[0]).to.match(
      new RegExp(`^warn Metrics are not served at ${where}: the port is taken${holder}\\.`),
    );
  });

  it('that others can reach is a warning', async () => {
    const { page } = opened(0, ['prometheus'], '0.0.0.0');
    pages.push(page);
    await page.server;
    expect(heard.said.join()).to.match(/Whoever reaches http:\/\/0.0.0.0:0\/metrics can read/);
  });

  it('ends slow requests, huge headers and bodies, and takes so many connections only', async () => {
    const { port, url } = await listening();
    const raw = (text: string): Promise<{ socket: Socket; answer: () => string; ended: Promise<unknown> }> =>
      new Promise((resolve) => {
        let got = '';
        const socket = connect(port, '127.0.0.1', () => {
          socket.write(text);
          resolve({ socket, answer: () => got, ended: once(socket, 'close') });
        });
        socket.on('error', () => undefined).on('data', (chunk) => (got += chunk));
      });
    const huge = await raw(`GET /metrics HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
    await huge.ended;
    expect(huge.answer()).to.match(/^HTTP\/1.1 431 /);
    const sockets = await Promise.all(Array.from({ length: 300 }, () => raw('GET /metrics HTTP/1.1\r\nx: ')));
    const ends = sockets.map(({ socket }) => new Promise((resolve) => socket.once('close', resolve)));
    await eventually(
      () => sockets.filter(({ socket }) => socket.closed).length >= 236,
      'the limit of connections',
    );
    await Promise.all(ends.filter((_end, at) => !sockets[at]!.socket.closed));
    expect((await fetch(url, { headers: close })).status, 'served again').to.equal(200);
  });

  it('writes one page for however many who ask at once', async () => {
    const { meter, url } = await listening();
    let asked = 0;
    meter.createObservableGauge('asked').addCallback(async (result) => {
      result.observe(++asked);
      await new Promise((resolve) => setTimeout(resolve, 50));
    });
    const pages = await Promise.all(Array.from({ length: 20 }, () => fetch(url, { headers: close })));
    expect(new Set(await Promise.all(pages.map((page) => page.text()))).size).to.equal(1);
    expect(asked).to.equal(1);
  });

  it('never holds the process, and its requests are not observed', async () => {
    const port = await taken();
    servers.pop()?.close();
    const script = `
      require('sonde').init({
        metrics: { exporters: ['prometheus'], prometheus: { port: ${port} } },
        traces: { exporters: ['console'] },
      });
      const socket = require('node:net').connect(${port}, '127.0.0.1', () => socket.write(
        'GET /elsewhere HTTP/1.1\\r\\nhost: x\\r\\n\\r\\nGET /metrics HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n'));
      let page = '';
      socket.on('data', (chunk) => (page += chunk)).on('end', () =>
        console.log(JSON.stringify({ page: page.includes('404') && page.includes('target_info'), observed: page.includes('http_server') })));`;
    const ended = await runNode(['-e', script], { cwd: appFolder([]) });
    expect([ended.code, ended.stderr]).to.deep.equal([0, '']);
    expect(ended.lines.find((line) => 'page' in line)).to.deep.equal({ page: true, observed: false });
    expect(ended.stdout).not.to.contain('traceId');
    expect(ended.lines.filter((line) => line.logger === 'access')).to.deep.equal([]);
  });

  it('is not needed: the page mounts on the server of the app', async () => {
    const own = opened(0, []);
    offerPage(() => own.page);
    const server = createServer((_request, response) => void response.end('the app'));
    const unmount = metrics.mount(server);
    metrics.mount(server, { path: '/internal/metrics' });
    server.listen(0, '127.0.0.1');
    servers.push(server);
    await once(server, 'listening');
    own.meter.createCounter('orders').add(1);
    const at = async (path: string) => {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
      return (await fetch(url, { headers: close })).text();
    };
    expect(await at('/metrics')).to.match(/^orders_total/m);
    expect(await at('/internal/metrics?format=json')).to.match(/"requests_total":0/);
    expect(await at('/orders')).to.equal('the app');
    unmount();
    expect(await at('/metrics')).to.equal('the app');
    withdrawPage();
    expect(await at('/internal/metrics')).to.equal('the app');
    expect(metrics.mount(undefined as never)).to.be.a('function');
  });
});
