/** Headers that no client sends by accident, against a real server under the preload. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { cleanEnvironment } from '../support/child.ts';

const preload = join(import.meta.dirname, '../../dist/register.cjs');
const program = `
const server = require('node:http').createServer((req, res) => res.end('fine'));
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));`;

/** The whole answer to what is written as it is. */
async function answerTo(port: number, bytes: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (part) => {
    text += part;
  });
  socket.on('error', () => undefined);
  socket.end(Buffer.from(bytes, 'latin1'));
  await once(socket, 'close');
  return text;
}

describe('headers that no client sends by accident', function () {
  this.timeout(30_000);
  let port: number;
  let app: ReturnType<typeof spawn>;
  before(async () => {
    app = spawn(process.execPath, ['--max-http-header-size=4000000', '--require', preload, '-e', program], {
      env: cleanEnvironment({
        OTEL_TRACES_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'none',
        OTEL_METRICS_EXPORTER: 'none',
      }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    port = await new Promise((resolve) => {
      let said = '';
      app.stdout!.setEncoding('utf8').on('data', (text) => {
        said += text;
        const found = /port (\d+)/.exec(said);
        if (found) resolve(Number(found[1]));
      });
    });
  });
  after(() => app.kill());

  const request = (header: string) => `GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${header}\r\n\r\n`;

  for (const [what, header] of Object.entries({
    'a raw ESC': 'x-correlation-id: a\u001b[31mb',
    'a CR alone': 'x-correlation-id: a\rb',
    'a NUL': 'x-correlation-id: a\u0000b',
  })) {
    it(`never reach the app with ${what}: Node refuses them`, async () => {
      expect(await answerTo(port, request(header))).to.match(/^HTTP\/1\.1 400 /);
    });
  }

  for (const name of ['x-correlation-id', 'traceparent', 'tracestate', 'baggage', 'b3', 'user-agent']) {
    it(`are answered and not given back, though ${name} has 1 MB and the limit was raised`, async () => {
      const answer = await answerTo(port, request(`${name}: ${'a=b,'.repeat(262_144)}`));
      expect(answer).to.match(/^HTTP\/1\.1 200 /);
      expect(answer).to.match(/fine\r?\n?/);
      expect(answer.length).to.be.below(2000);
      expect(answer, 'Sonde was there').to.match(/x-correlation-id: [\w-]+/i);
      expect(answer).to.not.contain('a=b,a=b');
    });
  }
});
