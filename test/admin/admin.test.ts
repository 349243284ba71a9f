import { once } from 'node:events';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { expect } from 'chai';
import { openAdmin } from '../../src/admin/admin.ts';
import type { BoundedServer } from '../../src/bounded-server.ts';
import { type Config, defaults } from '../../src/config/config.ts';
import { nodeOf, setLevel } from '../../src/logs/tree.ts';
import { runNode } from '../support/child.ts';
import { type Ear, ear } from '../support/otlp-items.ts';
import { appFolder } from '../support/tarball.ts';

const volume = { loggers: [{ name: 'shop', records: 1, bytes: 100 }] };
const status = () => ({ version: '1', volume }) as never;

describe('the admin port', function () {
  this.timeout(30_000);
  let heard: Ear;
  const servers: BoundedServer[] = [];
  beforeEach(() => {
    heard = ear();
  });
  afterEach(() => {
    heard.close();
    for (const server of servers.splice(0)) server.close();
    setLevel('admin-test.orders', undefined);
  });

  async function opened(admin: Config['admin'] = {}, surroundings: Partial<Config['surroundings']> = {}) {
    const config = {
      ...defaults,
      admin: { port: 0, ...admin },
      surroundings: { ...defaults.surroundings, ...surroundings },
    };
    const server = openAdmin(config, status);
    servers.push(server);
    await server.ready;
    return server;
  }

  async function ask(
    server: BoundedServer,
    path: string,
    options: http.RequestOptions & { body?: string } = {},
  ) {
    const { body, ...rest } = options;
    const request = http
      .request({ host: '127.0.0.1', port: server.port, path, agent: false, ...rest })
      .end(body);
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) text += chunk;
    return { status: response.statusCode, headers: response.headers, text, json: () => JSON.parse(text) };
  }

  it('gives the volume of telemetry by itself, and with the status (A73)', async () => {
    const server = await opened();
    expect((await ask(server, '/status/volume')).json()).to.deep.equal(volume);
    expect((await ask(server, '/status')).json().volume).to.deep.equal(volume);
  });

  it('gives the tree of loggers and takes changes of it, live, all or nothing', async () => {
    const server = await opened();
    const put = (body: unknown) => ask(server, '/log-levels', { method: 'PUT', body: JSON.stringify(body) });
    const changed = await put({ 'admin-test.orders': 'debug' });
    expect(changed.json()['admin-test.orders']).to.deep.equal({ level: 'debug', own: 'debug' });
    expect(nodeOf('admin-test.orders').inForce).to.equal(5);
    for (const wrong of [{ 'admin-test.orders': 'error', x: 'loud' }, { x: 5 }, ['debug'], 'debug', null]) {
      expect((await put(wrong)).status, JSON.stringify(wrong)).to.equal(400);
    }
    expect((await ask(server, '/log-levels', { method: 'PUT', body: '{' })).status).to.equal(400);
    expect(nodeOf('admin-test.orders').inForce, 'nothing of what was wrong').to.equal(5);
    await put({ 'admin-test.orders': null });
    const { root, 'admin-test.orders': orders } = (await ask(server, '/log-levels')).json();
    expect(orders).to.deep.equal({ level: root.level, own: null });
    const refused = await ask(server, '/log-levels', { method: 'DELETE' });
    expect([refused.status, refused.headers.allow]).to.deep.equal([405, 'GET, HEAD, PUT']);
  });

  it('wants the token for levels and status, and not for health and for metrics on loopback', async () => {
    const server = await opened({ token: 'open-sesame' });
    const statuses = async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      const paths = ['/log-levels', '/status', '/healthz', '/metrics'];
      return Promise.all(paths.map(async (path) => (await ask(server, path, { headers })).status));
    };
    // No Sonde runs in here, so there are no metrics.
    expect(await statuses()).to.deep.equal([401, 401, 200, 404]);
    expect(await statuses('Bearer open-sesam')).to.deep.equal([401, 401, 200, 404]);
    expect(await statuses('Basic open-sesame')).to.deep.equal([401, 401, 200, 404]);
    expect(await statuses('Bearer open-sesame')).to.deep.equal([200, 200, 200, 404]);
  });

  it('shows nothing but health beyond loopback until there is a token', async () => {
    const bare = await opened({ host: '0.0.0.0' });
    for (const path of ['/status', '/log-levels', '/metrics'])
      expect((await ask(bare, path)).status, path).to.equal(403);
    expect((await ask(bare, '/readyz')).text).to.equal('{"status":"ready"}');
    const guarded = await opened({ host: '0.0.0.0', token: 't' });
    expect((await ask(guarded, '/metrics')).status).to.equal(401);
    expect((await ask(guarded, '/status', { headers: { authorization: 'Bearer t' } })).status).to.equal(200);
  });

  it('answers no name that a web page could have chosen (DNS rebinding)', async () => {
    const server = await opened();
    const statusFor = async (host: string) => (await ask(server, '/status', { headers: { host } })).status;
    for (const host of ['localhost', 'LOCALHOST:80', '127.0.0.1:9465', '[::1]:9465']) {
      expect(await statusFor(host), host).to.equal(200);
    }
    for (const host of ['evil.example', 'localhost.evil.example', '10.0.0.7', '127.0.0.1@evil']) {
      expect(await statusFor(host), host).to.equal(403);
    }
  });

  it('says in Kubernetes which variable lets others in, unless an address is named', async () => {
    await opened({}, { kubernetes: true });
    expect(heard.said.filter((line) => line.includes('SONDE_ADMIN_HOST=0.0.0.0'))).to.have.length(1);
    await opened({ host: '127.0.0.1' }, { kubernetes: true });
    await opened({}, { kubernetes: false });
    expect(heard.said.filter((line) => line.includes('SONDE_ADMIN_HOST'))).to.have.length(1);
  });

  it('says in one line that its port is taken, and bounds headers and bodies', async () => {
    const holder = http.createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    await opened({ port });
    expect(heard.said).to.have.length(1);
    expect(heard.said[0]).to.contain(
      `The admin port is not served at http://127.0.0.1:${port}/: the port is taken`,
    );
    holder.close();
    const server = await opened();
    const body = JSON.stringify({ x: 'y'.repeat(100_000) });
    expect((await ask(server, '/log-levels', { method: 'PUT', body })).status).to.equal(413);
    const socket = connect(server.port, '127.0.0.1').setEncoding('utf8');
    socket.write(`GET /status HTTP/1.1\r\nhost: localhost\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`);
    expect((await once(socket, 'data'))[0]).to.match(/^HTTP\/1.1 431 /);
  });

  it('opens by SONDE_ADMIN_PORT, tells settings with sources and no secret, unobserved, and holds no process', async () => {
    const probe = http.createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const { port } = probe.address() as AddressInfo;
    probe.close();
    await once(probe, 'close');
    const app = `
      require('sonde').getLogger('shop.orders');
      setTimeout(async () => {
        const ask = async (path) => (await fetch('http://127.0.0.1:${port}' + path, { headers: { authorization: 'Bearer hunter2hunter2' } })).text();
        console.log(JSON.stringify({ status: JSON.parse(await ask('/status')), levels: JSON.parse(await ask('/log-levels')), page: await ask('/metrics') }));
      }, 200);`;
    const env = {
      SONDE_ADMIN_PORT: String(port),
      SONDE_ADMIN_TOKEN: 'hunter2hunter2',
      SONDE_LOG_LEVEL: 'info,shop=debug',
      OTEL_TRACES_SAMPLER: 'sonde_rules',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
      SONDE_SAMPLING_RULES: 'http.request.method=PUT route=/a%20b 0.5 3/s;drop',
      SONDE_TRACES_PER_SECOND: '50',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://ada:hunter2hunter2@127.0.0.1:1',
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=hunter2hunter2',
    };
    const ended = await runNode(['--require', 'sonde/register', '--eval', app], { cwd: appFolder(), env });
    const told = ended.lines.find(({ levels }) => levels);
    expect(ended.code, ended.stderr).to.equal(0);
    expect(told?.status).to.include({
      ...{ mode: 'running', ready: true },
      sampler: 'sonde_rules{2 rules, else 0.1}, at most 50 traces a second',
    });
    const { configuration } = told!.status;
    expect(configuration['logs.level']).to.deep.equal({
      value: 'info,shop=debug',
      source: 'env SONDE_LOG_LEVEL',
    });
    expect(configuration['traces.rules']).to.deep.equal({
      value: ['route=/a%20b http.request.method=PUT 0.5 3/s', 'drop'],
      source: 'env SONDE_SAMPLING_RULES',
    });
    expect(configuration['admin.token'].value).to.equal('[redacted]');
    expect(configuration['db.nPlusOne']).to.deep.equal({ value: 5, source: 'default' });
    expect(told!.levels['shop.orders']).to.deep.equal({ level: 'debug', own: null });
    expect(told!.page).to.contain('target_info');
    expect(ended.stdout + ended.stderr).not.to.contain('hunter2');
    expect(ended.lines.filter(({ logger }) => logger === 'access')).to.deep.equal([]);
  });
});
