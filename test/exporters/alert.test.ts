import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { type AlertDestinationOptions, alertDestination } from '../../exporters/alert.ts';
import { diagnostics, type Voice } from '../../src/diagnostics.ts';
import type { Destination } from '../../src/logs/handler.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { recordWith } from '../logs/captured.ts';
import { type MailServer, startMailServer } from '../support/smtp-server.ts';

const admins = { adminEmails: ['ops@example.com'], service: { name: 'shop', environment: 'production' } };
const quick = { times: { attemptMillis: 300, pauseMillis: 5 } };

function failure(parts: Partial<LogRecord> = {}): LogRecord {
  return recordWith({ level: 'ERROR', severityNumber: 17, message: 'payment refused', ...parts });
}

/** A new error from one and the same place. */
function refused(order = 1): Error {
  return new RangeError(`order ${order} cannot be paid`);
}

describe('alerts', () => {
  const open: { close(): unknown }[] = [];
  let said: string[] = [];
  let voice: Voice;

  function opened<T extends { close(): unknown }>(part: T): T {
    open.push(part);
    return part;
  }

  function alerts(options: AlertDestinationOptions): Destination & { flush(): Promise<void> } {
    return opened(alertDestination({ ...admins, ...quick, ...options }) as never);
  }

  async function mailServer(options = {}): Promise<MailServer> {
    return opened(await startMailServer(options));
  }

  const count = (name: string): number => diagnostics.counters().get(name) ?? 0;

  beforeEach(() => {
    said = [];
    voice = diagnostics.speakThrough((_level, message) => void said.push(message));
  });
  afterEach(async () => {
    for (const part of open.splice(0)) await part.close();
    diagnostics.speakThrough(voice);
  });

  describe('by mail', () => {
    it('are one mail and one summary for 1,000 equal errors (A43)', async () => {
      const server = await mailServer();
      const out = alerts({ email: `smtp://127.0.0.1:${server.port}` });
      for (let i = 0; i < 1000; i++) out.write(failure({ error: refused(i) }));
      await out.flush();
      expect(server.mails.map((mail) => mail.header('Subject'))).to.deep.equal([
        '[shop] ERROR: payment refused',
        '[shop] ERROR: payment refused (999 more)',
      ]);
      expect(server.mails[0]!.to).to.deep.equal(['ops@example.com']);
      expect(server.mails[0]!.from).to.equal('root@localhost');
      expect(server.mails[0]!.text).to.contain('RangeError: order 0 cannot be paid\n    at refused');
      expect(server.mails[1]!.text).to.contain('999 more: [shop] ERROR: payment refused');
    });

    it('log in where the server asks for it', async () => {
      const server = await mailServer({ login: ['me', 'p@ss word'] });
      const out = alerts({ email: `smtp://me:p%40ss%20word@127.0.0.1:${server.port}` });
      out.write(failure());
      await out.flush();
      expect(server.mails).to.have.length(1);
    });

    it('keep a header a header, whatever is in message, name and address', async () => {
      const server = await mailServer();
      const out = alerts({
        email: { host: '127.0.0.1', port: server.port },
        adminEmails: [['Ada "A"', 'ada@example.com']],
      });
      out.write(failure({ message: 'no\r\nBcc: evil@example.com\u2028X: 1\0' }));
      await out.flush();
      const [mail] = server.mails;
      expect(mail!.header('Subject')).to.equal('[shop] ERROR: no Bcc: evil@example.com X: 1');
      expect(mail!.header('Bcc')).to.equal(undefined);
      expect(mail!.to).to.deep.equal(['ada@example.com']);
      const bad = ['a@b\r\nBcc: c@d', 'nobody', 'a@b\n', ['x\n', 'a@b'] as const];
      for (const address of bad) {
        expect(() => alertDestination({ adminEmails: [address] }), String(address)).to.throw(
          'is no mail address',
        );
      }
      expect(() => alertDestination({ ...admins, serverEmail: 'a@b\nX: 1' })).to.throw('is no mail address');
    });

    it('are tried again while the server is busy, and not when it refuses for good', async () => {
      const answers = [451, 451, 0, 550];
      const refuse = () => {
        const responseCode = answers.shift();
        return responseCode ? Object.assign(new Error('no'), { responseCode }) : undefined;
      };
      const server = await mailServer({ refuse });
      const out = alerts({ email: `smtp://127.0.0.1:${server.port}` });
      const dropped = count('dropped.alerts.failed');
      out.write(failure());
      await out.flush();
      expect([server.connections, server.mails.length]).to.deep.equal([3, 1]);
      out.write(failure({ message: 'another' }));
      await out.flush();
      expect([server.connections, server.mails.length]).to.deep.equal([4, 1]);
      expect(count('dropped.alerts.failed') - dropped).to.equal(1);
    });

    it('hurt nobody while the server is down: tried three times, said once, counted', async () => {
      const server = await startMailServer();
      await server.close();
      const out = alerts({ email: `smtp://127.0.0.1:${server.port}` });
      const before = [count('alerts.failed_attempts'), count('dropped.alerts.failed')] as const;
      out.write(failure());
      out.write(failure({ message: 'another' }));
      await out.flush();
      expect(count('alerts.failed_attempts') - before[0]).to.equal(6);
      expect(count('dropped.alerts.failed') - before[1]).to.equal(2);
      expect(said).to.have.length(1);
      expect(said[0]).to.contain(`mail by 127.0.0.1:${server.port}: `).and.to.contain('ECONNREFUSED');
    });

    it('hurt nobody while the server hangs, before its first word and after it', async () => {
      for (const greeting of ['', '220 hello\r\n']) {
        const sockets: net.Socket[] = [];
        const server = net.createServer((socket) => {
          sockets.push(socket);
          socket.on('error', () => undefined).write(greeting);
        });
        await once(server.listen(0, '127.0.0.1'), 'listening');
        const { port } = server.address() as AddressInfo;
        const out = alerts({
          email: `smtp://127.0.0.1:${port}`,
          times: { attemptMillis: 50, pauseMillis: 5 },
        });
        out.write(failure());
        await out.flush();
        expect(said.join()).to.contain('no answer within 50 ms');
        expect(sockets).to.have.length(3);
        for (const socket of sockets) if (!socket.closed) await once(socket.resume(), 'close');
        server.close();
        said = [];
      }
    });

    it('hold no password, cookie or token of message, fields, error and request (A43)', async () => {
      const server = await mailServer();
      const out = alerts({ email: `smtp://127.0.0.1:${server.port}`, includeHtml: true });
      const request = {
        method: 'POST',
        url: '/pay?token=s3cr3t-1&order=7',
        headers: { cookie: 'sid=s3cr3t-2', authorization: 'Bearer s3cr3t-3', host: 'shop.example.com' },
        ip: '203.0.113.9',
        body: { password: 's3cr3t-4' },
      };
      const error = new Error('login failed: password=s3cr3t-5');
      out.write(failure({ error, fields: { request, password: 's3cr3t-6' }, message: 'no: token=s3cr3t-7' }));
      await out.flush();
      const [mail] = server.mails;
      expect(mail!.raw).not.to.contain('s3cr3t');
      expect(mail!.raw).to.contain('text/html');
      expect(mail!.text).to.contain('POST /pay?token=REDACTED&order=7 from 203.0.113.9');
      expect(mail!.text).to.contain('host: shop.example.com').and.to.contain('cookie: [REDACTED]');
    });

    it('tell the command when nodemailer is not there', async () => {
      const before = process.cwd();
      const [, script] = process.argv;
      const folder = mkdtempSync(path.join(tmpdir(), 'alone-'));
      process.chdir(folder);
      process.argv[1] = path.join(folder, 'app.js');
      try {
        const out = alerts({ email: 'smtp://127.0.0.1:1' });
        const told: string[] = [];
        diagnostics.speakThrough((level, message, { code }) => void told.push(`${level} ${code} ${message}`));
        out.write(failure());
        out.write(failure({ message: 'another' }));
        await out.flush();
        expect(told).to.have.length(1);
        expect(told[0]).to.match(/^warn SONDE_ERR_NODEMAILER .*`npm install nodemailer`/);
      } finally {
        process.chdir(before);
        process.argv[1] = script!;
        rmSync(folder, { recursive: true });
      }
    });
  });

  describe('grouped', () => {
    function collected(options: AlertDestinationOptions = {}) {
      const subjects: string[] = [];
      const bodies: string[] = [];
      const transport = (subject: string, body: string): void => {
        subjects.push(subject);
        bodies.push(body);
      };
      return { subjects, bodies, out: alerts({ transport, ...options }) };
    }

    it('are one for each place that throws, and one for each line that logs', async () => {
      const { out, subjects } = collected();
      for (let i = 0; i < 3; i++) {
        out.write(failure({ error: refused(i), message: `a ${i}` }));
        out.write(failure({ error: new TypeError(`other ${i}`), message: `b ${i}` }));
        out.write(failure({ message: `order ${i} of user 'u${i}' failed` }));
        out.write(failure({ message: 'queue is full' }));
      }
      await out.flush();
      expect(subjects.slice(0, 4)).to.deep.equal(
        ['a 0', 'b 0', "order 0 of user 'u0' failed", 'queue is full'].map((text) => `[shop] ERROR: ${text}`),
      );
      expect(subjects.slice(4)).to.deep.equal(['[shop] 4 kinds of alerts, 8 more']);
    });

    it('are one for one error object, whoever logs it (A70)', async () => {
      const { out, subjects } = collected();
      const error = refused();
      out.write(failure({ error, logger: 'shop.route' }));
      out.write(failure({ error, logger: 'sonde.request', message: 'Internal Server Error: /pay' }));
      await out.flush();
      expect(subjects).to.deep.equal(['[shop] ERROR: payment refused']);
    });

    it('tell after the window what was held back in it, and then begin again', async () => {
      const { out, subjects } = collected({ windowMillis: 40 });
      for (let i = 0; i < 5; i++) out.write(failure({ error: refused(i) }));
      expect(subjects).to.deep.equal(['[shop] ERROR: payment refused']);
      while (subjects.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      expect(subjects[1]).to.equal('[shop] ERROR: payment refused (4 more)');
      await new Promise((resolve) => setTimeout(resolve, 120));
      out.write(failure({ error: refused(6) }));
      expect(subjects.slice(2)).to.deep.equal(['[shop] ERROR: payment refused']);
    });

    it('are not more than a hundred kinds in a window: the rest counts as one', async () => {
      const { out, subjects } = collected();
      const word = (i: number): string => [...String(i)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
      for (let i = 0; i < 10_000; i++) out.write(failure({ message: `failed ${word(i)}` }));
      await out.flush();
      expect(subjects).to.have.length(102);
      expect(subjects.at(-1)).to.equal('Errors of many other kinds (9,899 more)');
    });

    it('name the address, inside or outside, of a request in fields or attributes', async () => {
      const { out, subjects } = collected({ internalIps: ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32'] });
      const ips = ['10.1.2.3', '::ffff:10.9.9.9', '2001:db8::1', '203.0.113.9', '::1', 'evil\r\nX: 1'];
      for (const [i, ip] of ips.entries())
        out.write(failure({ message: 'abcdef'[i]!, fields: { request: { ip } } }));
      out.write(failure({ message: 'g', bound: { 'client.address': '127.0.0.1', 'url.path': '/' } }));
      await out.flush();
      const places = [
        '(internal IP)',
        '(internal IP)',
        '(internal IP)',
        '(EXTERNAL IP)',
        '(EXTERNAL IP)',
        '',
        '(internal IP)',
      ];
      expect(subjects).to.deep.equal(
        places.map((place, i) => `[shop] ERROR${place && ` ${place}`}: ${'abcdefg'[i]}`),
      );
      expect(() => alertDestination({ ...admins, internalIps: ['all'] })).to.throw(
        'neither an address nor a range',
      );
    });

    it('say ids and the link to the trace', async () => {
      const { out, bodies } = collected({ link: 'https://traces/{trace_id}?c={correlation_id}' });
      const traceId = '0af7651916cd43dd8448eb211c80319c';
      const stamp = {
        ...recordWith().stamp,
        traceId,
        spanId: 'b7ad6b7169203331',
        correlationId: 'order/1042',
      };
      out.write(failure({ stamp }));
      out.write(failure({ message: 'without' }));
      await out.flush();
      expect(bodies[0]).to.contain(`link            https://traces/${traceId}?c=order%2F1042`);
      expect(bodies[0]).to.match(/correlation_id +order\/1042/);
      expect(bodies[1]).not.to.contain('link');
    });

    it('take the text of `report`, redacted, and their own when it throws', async () => {
      let fails = false;
      const report = (record: LogRecord) => {
        if (fails) throw new Error('a defect');
        return { text: `Seen: ${record.message}, password=s3cr3t` };
      };
      const { out, bodies } = collected({ report });
      out.write(failure());
      fails = true;
      out.write(failure({ message: 'another' }));
      await out.flush();
      expect(bodies[0]).to.equal('Seen: payment refused, password=[REDACTED]');
      expect(bodies[1]).to.contain('ERROR shop.orders: another');
    });

    it('cut a long subject, not in the middle of a sign', async () => {
      const { out, subjects } = collected({ subjectPrefix: '' });
      out.write(failure({ message: '😀'.repeat(500) }));
      await out.flush();
      expect(subjects[0]).to.have.length(200);
      expect(subjects[0]!.isWellFormed()).to.equal(true);
    });

    it('go on when the transport throws, rejects or never ends', async () => {
      const ways = [
        () => {
          throw new Error('thrown');
        },
        () => Promise.reject(new Error('rejected')),
        () => new Promise(() => undefined),
      ];
      for (const transport of ways) {
        const dropped = count('dropped.alerts.failed');
        const { out } = collected({ transport, times: { attemptMillis: 20, pauseMillis: 1 } });
        out.write(failure());
        await out.flush();
        expect(count('dropped.alerts.failed') - dropped).to.equal(1);
      }
    });

    it('let the transport log an error of its own', async () => {
      const sent: string[] = [];
      const out = alerts({
        transport(subject) {
          sent.push(subject);
          if (sent.length === 1) out.write(failure({ message: 'while sending' }));
        },
      });
      out.write(failure());
      expect(sent).to.deep.equal(['[shop] ERROR: payment refused', '[shop] ERROR: while sending']);
    });
  });

  describe('by file', () => {
    it('are one file each, readable by nobody else, as Django writes them', async () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'mails-'));
      const out = alerts({ file: path.join(folder, 'mails') });
      for (let i = 0; i < 1000; i++) out.write(failure({ error: refused(i) }));
      await out.flush();
      const files = readdirSync(path.join(folder, 'mails')).sort();
      const [first, second] = files.map((name) => readFileSync(path.join(folder, 'mails', name), 'utf8'));
      rmSync(folder, { recursive: true });
      expect(files).to.have.length(2);
      expect(first).to.match(
        /^Subject: \[shop\] ERROR: payment refused\nFrom: root@localhost\nTo: ops@example\.com\n/,
      );
      expect(second).to.match(/^Subject: \[shop\] ERROR: payment refused \(999 more\)\n/);
    });
  });

  describe('by webhook', () => {
    interface Call {
      readonly headers: http.IncomingHttpHeaders;
      readonly body: any;
    }

    async function receiver(answer: (response: http.ServerResponse, nth: number) => void) {
      const calls: Call[] = [];
      const server = http.createServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        calls.push({ headers: request.headers, body: JSON.parse(Buffer.concat(chunks).toString()) });
        answer(response, calls.length);
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      opened({
        close() {
          server.closeAllConnections();
          server.close();
        },
      });
      return { calls, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?key=s3cr3t` };
    }

    it('have the shape of Slack, of Teams, or plain JSON', async () => {
      const { calls, url } = await receiver((response) => response.end('ok'));
      for (const kind of ['slack', 'teams', 'generic'] as const) {
        const out = alerts({ webhook: { url, kind, headers: { 'X-Team': 'shop' } }, adminEmails: [] });
        out.write(failure({ message: '<!channel> [a](http://b)', error: refused() }));
        await out.flush();
      }
      const [slack, teams, generic] = calls.map(({ body }) => body);
      expect(Object.keys(slack)).to.deep.equal(['text']);
      expect(slack.text).to.match(/^\*\[shop\] ERROR: &lt;!channel&gt; \[a\]\(http:\/\/b\)\*\n```ERROR shop/);
      const { contentType, content } = teams.attachments[0];
      expect(contentType).to.equal('application/vnd.microsoft.card.adaptive');
      expect(content.body[0].text).to.contain('\\<!channel\\> \\[a\\]\\(http://b\\)');
      expect(generic).to.include({
        subject: '[shop] ERROR: <!channel> [a](http://b)',
        service: 'shop',
        level: 'ERROR',
      });
      expect(generic.error).to.include({ type: 'RangeError', message: 'order 1 cannot be paid' });
      expect(calls[0]!.headers).to.include({ 'x-team': 'shop', 'content-type': 'application/json' });
    });

    it('are tried again after 500, not after 400, and follow no redirect', async () => {
      const other = await receiver((response) => response.end());
      const statuses = [500, 200, 400, 302, 503, 503, 503];
      const { calls, url } = await receiver((response) => {
        response.writeHead(statuses.shift()!, { location: other.url }).end();
      });
      const out = alerts({ webhook: url, adminEmails: [] });
      const seen: number[] = [];
      for (const message of ['a', 'b', 'c', 'd']) {
        out.write(failure({ message }));
        await out.flush();
        seen.push(calls.length);
      }
      expect(seen).to.deep.equal([2, 3, 4, 7]);
      expect(other.calls).to.have.length(0);
      expect(said.join()).to.contain('it answered 500').and.not.to.contain('s3cr3t');
    });

    it('hurt nobody when the receiver hangs or answers without end', async () => {
      const { calls, url } = await receiver((response, nth) => {
        if (nth > 1) return;
        response.writeHead(200);
        const pump = setInterval(() => response.write('x'.repeat(8192)), 1);
        response.on('close', () => clearInterval(pump));
      });
      const out = alerts({ webhook: url, adminEmails: [], times: { attemptMillis: 60, pauseMillis: 1 } });
      const dropped = count('dropped.alerts.failed');
      out.write(failure());
      await out.flush();
      out.write(failure({ message: 'another' }));
      await out.flush();
      expect(calls).to.have.length(4);
      expect(count('dropped.alerts.failed') - dropped).to.equal(1);
    });

    it('refuse what is no URL', () => {
      expect(() => alertDestination({ webhook: 'hooks' })).to.throw('not an http(s) URL');
      expect(() => alertDestination({ email: 'http://x' })).to.throw('email is not a URL');
    });
  });
});
