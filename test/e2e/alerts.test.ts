/** Alerts in real processes: by `init`, by a pasted LOGGING dict, and at every end (A4, A7, A8, A43, A70). */
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import dicts from '../fixtures/logging-dicts.json' with { type: 'json' };
import { type Ended, runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { type MailServer, startMailServer } from '../support/smtp-server.ts';
import { appFolder } from '../support/tarball.ts';

/** S2's own, but for the path of its file: tests write nowhere else. */
const s2 = structuredClone(dicts['S2 production']);
s2.handlers.file.filename = 'logs/myproject.log';

describe('alerts of a process', function () {
  this.timeout(60_000);
  let folder = '';
  let server: MailServer;

  beforeEach(async () => {
    folder = appFolder(['nodemailer']);
    server = await startMailServer();
  });
  afterEach(() => server.close());

  async function run(script: string, env: Record<string, string> = {}): Promise<Ended> {
    const settings = { adminEmails: ['ops@example.com'], email: `smtp://127.0.0.1:${server.port}` };
    writeFileSync(
      join(folder, 'app.cjs'),
      `const { dictConfig, getLogger, init } = require('sonde');
       const service = { name: 'shop' };
       const alerts = ${JSON.stringify(settings)};
       const s2 = ${JSON.stringify(s2)};
       ${script}`,
    );
    const ended = await runNode(['app.cjs'], { cwd: folder, env: { SONDE_OTLP: 'off', ...env } });
    expect(ended.code, ended.stderr).to.equal(0);
    return ended;
  }

  const subjects = (): unknown[] => server.mails.map((mail) => mail.header('Subject'));
  const storm = `for (let i = 0; i < 1000; i++) getLogger('shop').error('payment refused', new Error('order ' + i));`;

  it('are one mail and one summary for 1,000 equal errors (A43)', async () => {
    await run(`init({ service, alerts }); ${storm}`);
    expect(subjects()).to.deep.equal([
      '[shop] ERROR: payment refused',
      '[shop] ERROR: payment refused (999 more)',
    ]);
  });

  for (const env of [
    { NODE_ENV: 'development' },
    { OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=dev' },
  ]) {
    it(`are silent in development, and say so: ${JSON.stringify(env)} (A8, A43)`, async () => {
      const ended = await run(`init({ service, alerts }); ${storm}`, env as never);
      expect(server.connections).to.equal(0);
      expect(ended.stdout).to.contain('Alerts are silent in development');
    });
  }

  it('go out with forceFlush, with shutdown, and on SIGTERM', async () => {
    const ends = {
      flush: 'sonde.forceFlush().then(() => process.exit())',
      shutdown: 'sonde.shutdown().then(() => process.exit())',
    };
    for (const [name, end] of Object.entries(ends)) {
      await run(`const sonde = init({ service, alerts }); getLogger('a').error('${name}'); ${end};`);
    }
    writeFileSync(
      join(folder, 'killed.cjs'),
      `require('sonde').init({ alerts: ${JSON.stringify({ adminEmails: ['a@b'], email: `smtp://127.0.0.1:${server.port}` })} });
       for (const i of [1, 2]) require('sonde').getLogger('a').error('killed');
       setInterval(() => {}, 1000); console.log('ready');`,
    );
    const onStdout = (text: string, kill: (signal: NodeJS.Signals) => void) =>
      text.includes('ready') && kill('SIGTERM');
    const ended = await runNode(['killed.cjs'], { cwd: folder, env: { SONDE_OTLP: 'off' }, onStdout });
    expect(ended.signal).to.equal('SIGTERM');
    expect(subjects().slice(0, 2)).to.deep.equal(['[shop] ERROR: flush', '[shop] ERROR: shutdown']);
    expect(subjects().slice(2).join()).to.match(/ERROR: killed,.*ERROR: killed \(1 more\)/);
  });

  it("send one mail by S2's dict, before or after init, and none in development (A4, A8, A10, A43)", async () => {
    const log = `getLogger('django.request').error('Internal Server Error: /pay', new Error('no'));
      getLogger('django.request').warning('Not Found: /x'); getLogger('myapp').error('not for admins');`;
    await run(`init({ service, alerts }); dictConfig(s2); ${log}`);
    await run(`dictConfig(s2); init({ service, alerts }); ${log}`);
    const expected = '[shop] ERROR: Internal Server Error: /pay';
    expect(subjects()).to.deep.equal([expected, expected]);
    const lines = readFileSync(join(folder, 'logs/myproject.log'), 'utf8');
    expect(lines)
      .to.contain('Internal Server Error: /pay')
      .and.to.contain('WARNING')
      .and.to.contain('not for admins');
    await run(`init({ service, alerts }); dictConfig(s2); ${log}`, { NODE_ENV: 'development' });
    expect(server.mails).to.have.length(2);
  });

  it("need no init: the dict says it all, in Python's words or in ours", async () => {
    await run(`
      const [, port] = alerts.email.match(/:(\\d+)$/);
      const handlers = {
        mail: { class: 'logging.handlers.SMTPHandler', mailhost: ['127.0.0.1', Number(port)], fromaddr: 'app@example.com',
          toaddrs: ['ada@example.com', 'bob@example.com'], subject: 'Shop trouble', formatter: 'short', timeout: 5 },
        alerts: { level: 'WARNING', ...alerts, subjectPrefix: '' },
      };
      const formatters = { short: { format: '{levelname}/{name}/{message}', style: '{' } };
      dictConfig({ version: 1, formatters, handlers, root: { handlers: ['mail', 'alerts'], level: 'INFO' } });
      getLogger('shop').error('password=s3cr3t failed');
      getLogger('shop').info('fine');
    `);
    const sorted = [...server.mails].sort((a, b) => a.from.localeCompare(b.from));
    expect(sorted.map((mail) => [mail.from, mail.to.join(), mail.header('Subject')])).to.deep.equal([
      ['app@example.com', 'ada@example.com,bob@example.com', 'Shop trouble'],
      ['app@example.com', 'ada@example.com,bob@example.com', 'Shop trouble'],
      ['root@localhost', 'ops@example.com', 'ERROR: password=[REDACTED] failed'],
    ]);
    expect(sorted.map(({ text }) => text).join()).to.contain('ERROR/shop/password=[REDACTED] failed');
  });

  it('are not asked what a CallbackFilter stops, which the file still gets (A7)', async () => {
    await run(`
      dictConfig({
        version: 1,
        filters: { readable: { '()': 'django.utils.log.CallbackFilter',
          callback: (record) => !(record.error && record.error.name === 'UnreadablePost') } },
        handlers: {
          mail_admins: { class: 'django.utils.log.AdminEmailHandler', level: 'ERROR', filters: ['readable'], ...alerts },
          file: { class: 'logging.FileHandler', filename: 'app.log' },
        },
        root: { handlers: ['mail_admins', 'file'] },
      });
      const unreadable = new Error('client went away');
      unreadable.name = 'UnreadablePost';
      getLogger('a').error('stopped', unreadable);
      getLogger('a').error('passed', new Error('x'));
    `);
    expect(subjects().join())
      .to.match(/ERROR: passed$/)
      .and.not.contain('stopped');
    expect(readFileSync(join(folder, 'app.log'), 'utf8'))
      .to.contain('stopped')
      .and.to.contain('passed');
  });

  it('show the request in whose context they were logged, without its secrets (A43)', async () => {
    const sink = await startSink();
    const env = { SONDE_OTLP: 'on', OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl };
    const script = `
      init({ service, alerts: { ...alerts, internalIps: ['127.0.0.0/8'] } });
      const server = require('node:http').createServer((request, response) => {
        const error = new Error('no');
        getLogger('shop').error('payment refused', error);
        getLogger('shop.route').error('again, on the way out', error);
        response.end();
      });
      server.listen(0, '127.0.0.1', () => {
        const url = 'http://127.0.0.1:' + server.address().port + '/pay?token=s3cr3t&order=7';
        fetch(url, { headers: { connection: 'close', 'x-correlation-id': 'order-7' } }).then(() => server.close());
      });
    `;
    await run(script, env);
    await sink.close();
    expect(subjects()).to.deep.equal(['[shop] ERROR (internal IP): payment refused']);
    const [mail] = server.mails;
    expect(mail!.text).to.contain('GET /pay?token=REDACTED&order=7 from 127.0.0.1');
    expect(mail!.text).to.match(/trace_id +[\da-f]{32}\ncorrelation_id +order-7\n/);
  });

  const routes = {
    express: `const app = require('express')();
      app.get('/pay', (_request, _response) => { fail(); });
      const server = app.listen(0, '127.0.0.1', () => call(server));`,
    fastify: `const app = require('fastify')();
      app.get('/pay', async () => { fail(); });
      app.listen({ port: 0, host: '127.0.0.1' }).then(() => call(app.server));`,
  };

  for (const [framework, route] of Object.entries(routes)) {
    it(`are one mail, one ERROR and one access record where ${framework}'s route logs and throws on (A70)`, async () => {
      folder = appFolder(['nodemailer', framework]);
      const ended = await run(`
        init({ service, alerts });
        function fail() {
          const error = new Error('no');
          getLogger('shop').error('payment refused', error);
          throw error;
        }
        function call(server) {
          fetch('http://127.0.0.1:' + server.address().port + '/pay', { headers: { connection: 'close' } })
            .then((response) => response.text()).then(() => server.close());
        }
        ${route}
      `);
      const count = (wanted: (line: Record<string, unknown>) => boolean) => ended.lines.filter(wanted).length;
      expect(subjects()).to.have.length(1);
      expect(subjects()[0]).to.contain('payment refused');
      expect([
        count(({ level }) => level === 'ERROR'),
        count(({ logger }) => logger === 'access'),
      ]).to.deep.equal([1, 1]);
    });
  }

  it('are files where no mail is to be sent, also when the process crashes', async () => {
    const code = `const { getLogger, init } = require('sonde');
      init({ alerts: { file: 'mails', adminEmails: ['ops@example.com'] } });
      for (const i of [1, 2, 3]) getLogger('a').error('failed', new Error('x' + i));
      process.exit(3);`;
    writeFileSync(join(folder, 'crash.cjs'), code);
    const ended = await runNode(['crash.cjs'], { cwd: folder, env: { SONDE_OTLP: 'off' } });
    expect(ended.code).to.equal(3);
    const mails = readdirSync(join(folder, 'mails')).sort();
    const heads = mails.map((name) => readFileSync(join(folder, 'mails', name), 'utf8').split('\n')[0]);
    expect(heads.map((head) => head!.replace(/^Subject: \[.*?\] /, ''))).to.deep.equal([
      'ERROR: failed',
      'ERROR: failed (2 more)',
    ]);
  });

  it('do not hold the process when the server hangs: counted and said at the end', async () => {
    const hanging = net.createServer((socket) => void socket.on('error', () => undefined));
    await once(hanging.listen(0, '127.0.0.1'), 'listening');
    const { port } = hanging.address() as AddressInfo;
    const ended = await run(
      `init({ alerts: { ...alerts, email: 'smtp://127.0.0.1:${port}' } }); getLogger('a').error('x');`,
    );
    hanging.close();
    expect(ended.stderr).to.contain(`1 alerts as mail by 127.0.0.1:${port} were not out at the end.`);
    expect(ended.stderr).not.to.contain('no answer within');
  });

  it('say what they need: nodemailer, somebody to write to, and that HTML is not needed', async () => {
    const alone = appFolder();
    writeFileSync(
      join(alone, 'app.cjs'),
      `const { dictConfig, getLogger, init } = require('sonde');
       init({ alerts: { adminEmails: ['a@b'], email: 'smtp://127.0.0.1:9', includeHtml: true } });
       dictConfig({ version: 1, handlers: { mail_admins: { class: 'AdminEmailHandler', include_html: true } },
         root: { handlers: ['mail_admins'] } });
       getLogger('a').error('x');`,
    );
    const ended = await runNode(['app.cjs'], { cwd: alone, env: { SONDE_OTLP: 'off' } });
    expect(ended.stderr)
      .to.match(/SONDE_ERR_NODEMAILER/)
      .and.to.contain('npm install nodemailer');
    expect(ended.stdout).to.contain('Plain text alone is safer still');
    const nobody = await run(`dictConfig(s2); getLogger('django.request').error('x');`);
    expect(nobody.stderr).to.contain('An alert has nobody to go to: name adminEmails');
    const variables = { SONDE_ALERTS__EMAIL: 'smtp://127.0.0.1:9' };
    const incomplete = await run(`init(); getLogger('a').error('x');`, variables);
    expect(incomplete.stderr).to.contain('An alert has nobody to go to: name adminEmails');
  });
});
