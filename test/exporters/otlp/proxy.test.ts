/** The way out of a network: the proxy that the environment names. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../../support/child.ts';
import { startSink } from '../../support/otlp-sink.ts';
import { appFolder } from '../../support/tarball.ts';

describe('OTLP through a proxy', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = appFolder();
    const text = `require('sonde').getLogger('x').info('through');`;
    writeFileSync(join(folder, 'wait.cjs'), text);
    writeFileSync(join(folder, 'exit.cjs'), `${text} process.exit();`);
  });

  async function startProxy(to: string) {
    const asked: string[] = [];
    const { hostname: host, port } = new URL(to);
    const server = http.createServer((request, response) => {
      asked.push(request.url ?? '');
      const { pathname: path } = new URL(request.url ?? '');
      const onward = http.request({ host, port, path, method: request.method, headers: request.headers });
      onward.on('response', (answer) => answer.pipe(response.writeHead(answer.statusCode ?? 502)));
      request.pipe(onward);
    });
    server.on('connect', (request, socket: net.Socket) => {
      asked.push(request.url ?? '');
      const onward = net.connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return { asked, url, close: () => void server.close().closeAllConnections() };
  }

  async function run(script: string, env: Record<string, string>, endpoint = 'http://collector.test:4318') {
    const sink = await startSink();
    const proxy = await startProxy(sink.httpUrl);
    await runNode(['--require', 'sonde/register', script], {
      cwd: folder,
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint === 'loopback' ? sink.httpUrl : endpoint,
        SONDE_LOG_CONSOLE: 'off',
        HTTP_PROXY: proxy.url,
        ...env,
      },
    });
    proxy.close();
    await sink.close();
    return { asked: proxy.asked, bodies: sink.logs().map(({ body }) => body) };
  }

  for (const script of ['wait.cjs', 'exit.cjs']) {
    it(`goes the way that HTTP_PROXY names (${script})`, async () => {
      const { asked, bodies } = await run(script, {});
      expect(bodies).to.deep.equal(['through']);
      expect(asked.length).to.be.above(0);
    });
  }

  it('does not where NO_PROXY excludes it, and never to this machine itself', async () => {
    expect((await run('wait.cjs', { NO_PROXY: 'collector.test' })).asked).to.deep.equal([]);
    const { asked, bodies } = await run('wait.cjs', {}, 'loopback');
    expect([asked, bodies]).to.deep.equal([[], ['through']]);
  });
});
