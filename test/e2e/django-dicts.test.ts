/** What the LOGGING dicts of Django's world promise of real requests and statements (A10, A18, A49). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import dicts from '../fixtures/logging-dicts.json' with { type: 'json' };
import { type Ended, runNode } from '../support/child.ts';
import { startMailServer } from '../support/smtp-server.ts';
import { appFolder } from '../support/tarball.ts';

describe('the dict of a Django app, pasted', function () {
  this.timeout(60_000);
  let folder: string;

  before(() => {
    folder = appFolder(['nodemailer']);
  });

  async function run(script: string, env: Record<string, string> = {}): Promise<Ended> {
    writeFileSync(join(folder, 'app.cjs'), `const { dictConfig, init } = require('sonde');\n${script}`);
    const ended = await runNode(['app.cjs'], { cwd: folder, env: { SONDE_OTLP: 'off', ...env } });
    expect(ended.code, ended.stderr).to.equal(0);
    return ended;
  }

  const get = (path: string, host = 'shop.example') => `
    const http = require('node:http');
    const server = http.createServer((request, response) => {
      response.statusCode = request.url === '/fails' ? 500 : 200;
      response.end();
    });
    server.listen(0, '127.0.0.1', () => http.get(
      { port: server.address().port, host: '127.0.0.1', path: '${path}', agent: false, headers: { host: '${host}' } },
      (response) => response.resume().on('end', () => server.close()),
    ));`;
  const plain = ({ stdout }: Ended): string[] =>
    stdout.split('\n').filter((line) => line !== '' && !line.startsWith('{'));

  it("writes one mail of a GET that answers 500 by S2's, through django.request, and none in development (A10)", async () => {
    const s2 = structuredClone(dicts['S2 production']);
    s2.handlers.file.filename = 'logs/myproject.log';
    const mails = await startMailServer();
    const alerts = { adminEmails: ['ops@example.com'], email: `smtp://127.0.0.1:${mails.port}` };
    const script = `init({ service: { name: 'shop' }, alerts: ${JSON.stringify(alerts)} });
      dictConfig(${JSON.stringify(s2)}); ${get('/fails')}`;
    await run(script, { NODE_ENV: 'development' });
    expect(mails.mails).to.have.length(0);
    await run(script);
    await mails.close();
    const subjects = mails.mails.map((mail) => mail.header('Subject'));
    expect(subjects).to.have.length(1);
    expect(subjects[0]).to.match(/^\[shop\] ERROR.*: Internal Server Error: \/fails$/);
  });

  it("says nothing of a bad Host by S4's null dict, and of other troubles as before (A10, A18)", async () => {
    const s4 = { ...dicts['S4 null'], disable_existing_loggers: false };
    const env = { SONDE_ALLOWED_HOSTS: 'shop.example' };
    const told = ({ lines }: Ended) =>
      lines.flatMap(({ logger }) => (/^sonde\.(?:security|request)/.test(logger) ? [logger] : []));
    expect(told(await run(`init(); ${get('/', 'evil.example')}`, env))).to.deep.equal([
      'sonde.security.DisallowedHost',
    ]);
    const pasted = `init(); dictConfig(${JSON.stringify(s4)});`;
    expect(told(await run(`${pasted} ${get('/', 'evil.example')}`, env))).to.deep.equal([]);
    expect(told(await run(`${pasted} ${get('/fails')}`, env))).to.deep.equal(['sonde.request']);
  });

  it("prints one line for each SQL statement by S4's console dict at DEBUG, and none at INFO (A10, A49)", async () => {
    const s4 = structuredClone(dicts['S4 console']);
    const statements = `
      const { DatabaseSync } = require('node:sqlite');
      const database = new DatabaseSync(':memory:');
      database.exec('BEGIN');
      for (const id of [1, 2, 3]) database.prepare('SELECT ? AS id').get(id);
      database.exec('COMMIT');`;
    const env = { NODE_ENV: 'development' };
    const script = `init(); dictConfig(${JSON.stringify(s4)}); ${statements}`;
    expect(plain(await run(script, env))).to.deep.equal([]);
    s4.loggers.django.level = 'DEBUG';
    const debug = `init(); dictConfig(${JSON.stringify(s4)}); ${statements}`;
    expect(plain(await run(debug, env)).filter((line) => line.includes('SELECT'))).to.have.length(3);
    expect(plain(await run(debug, env))).to.have.length(3);
  });
});
