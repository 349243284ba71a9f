/** Apps that log requests by themselves, and errors that are told by mail (A34, A70). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { startMailServer } from '../support/smtp-server.ts';
import { appFolder } from '../support/tarball.ts';

describe('an app with habits', function () {
  this.timeout(30_000);
  let folder: string;

  before(() => {
    const packages = ['express', 'fastify', 'pino-http', 'nodemailer'];
    folder = appFolder(packages, join(import.meta.dirname, 'apps/frameworks'));
  });

  async function run(habit: string, paths: string): Promise<Ended> {
    const env = { SONDE_OTLP: 'off', HABIT: habit, PATHS: paths };
    const ended = await runNode(['--require', 'sonde/register', 'habits.cjs'], { cwd: folder, env });
    expect(ended.code, ended.stderr).to.equal(0);
    return ended;
  }

  const messages = ({ lines }: Ended): string[] => lines.flatMap(({ msg, message }) => msg ?? message ?? []);
  const aside = (ended: Ended, name: string): string[] =>
    messages(ended).filter((message) => message.startsWith(`${name} writes an access line`));

  it('keeps the logger and the one line of pino-http, and hears once that Sonde stands aside', async () => {
    const ended = await run('pino-http', '/orders,/orders');
    expect(messages(ended).filter((message) => message === 'looked up')).to.have.length(2);
    expect(messages(ended).filter((message) => message === 'request completed')).to.have.length(2);
    expect(ended.lines.filter(({ logger }) => logger === 'access')).to.deep.equal([]);
    expect(aside(ended, 'pino-http')).to.have.length(1);
    // The line of pino-http has the ids of the request.
    expect(ended.lines.find(({ msg }) => msg === 'request completed')).to.include({
      correlation_id: 'id/orders',
    });
  });

  it('keeps a req.log and a req.correlationId of its own', async () => {
    const ended = await run('own req.log', '/orders');
    expect(ended.stdout).to.include('own looked up own\n');
    expect(messages(ended)).to.include('GET /orders 200');
  });

  it('keeps the one line of Fastify', async () => {
    const ended = await run('Fastify with its request log', '/orders,/orders');
    expect(messages(ended).filter((message) => message === 'request completed')).to.have.length(2);
    expect(messages(ended).filter((message) => message === 'looked up')).to.have.length(2);
    expect(ended.lines.filter(({ logger }) => logger === 'access')).to.deep.equal([]);
    expect(aside(ended, 'Fastify')).to.have.length(1);
  });

  for (const habit of ['Fastify without its request log', 'Fastify that is told at warn']) {
    it(`has the line of Sonde under ${habit}`, async () => {
      const ended = await run(habit, '/orders');
      expect(messages(ended)).to.include('GET /orders 200').and.not.include('request completed');
    });
  }

  it('hears of an error of Fastify once, from whoever tells it first', async () => {
    const ended = await run('Fastify with its request log', '/thrown');
    const told = ended.lines.filter((line) => line.level === 50 || line.level === 'ERROR');
    expect(told).to.have.length(1);
  });

  for (const framework of ['express', 'fastify']) {
    it(`gets 1 ERROR, 1 access record and 1 mail of an error that ${framework} sees after it was logged (A70)`, async () => {
      const mails = await startMailServer();
      const alerts = { adminEmails: ['ops@example.com'], email: `smtp://127.0.0.1:${mails.port}` };
      writeFileSync(
        join(folder, `mail-${framework}.cjs`),
        `require('sonde').init({ service: { name: 'shop' }, alerts: ${JSON.stringify(alerts)} });
         require('./${framework}.cjs');`,
      );
      const env = { SONDE_OTLP: 'off', PATHS: '/logged' };
      const ended = await runNode([`mail-${framework}.cjs`], { cwd: folder, env });
      await mails.close();
      expect(ended.code, ended.stderr).to.equal(0);
      const told = ended.lines.filter(({ logger }) => logger !== undefined);
      expect(told.map(({ logger, level, message }) => `${logger} ${level} ${message}`)).to.deep.equal([
        'shop ERROR order failed',
        'access INFO GET /logged 500',
      ]);
      expect(mails.mails.map((mail) => mail.header('Subject'))).to.deep.equal(['[shop] ERROR: order failed']);
    });
  }
});
