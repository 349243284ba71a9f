/** Error events to a server that speaks Sentry's protocol, from real processes (A60, A61, A70). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { type EnvelopeReceiver, receiveEnvelopes } from '../support/envelope-receiver.ts';
import { appFolder } from '../support/tarball.ts';

describe('error events of a process (A60)', function () {
  this.timeout(60_000);
  let folder = '';
  let receiver: EnvelopeReceiver;

  beforeEach(async () => {
    folder = appFolder();
    receiver = await receiveEnvelopes();
  });
  afterEach(() => receiver.close());

  function run(script: string, env: Record<string, string> = {}) {
    writeFileSync(
      join(folder, 'app.cjs'),
      `const { addContext, getLogger, init, withSpan } = require('sonde');\n${script}`,
    );
    const settings = { SONDE_OTLP: 'off', SENTRY_DSN: receiver.dsn };
    return runNode(['app.cjs'], { cwd: folder, env: { ...settings, ...env } });
  }

  const events = () => receiver.received.map(({ event }) => event);

  it('tell type, message, frames, cause, release, environment, trace and what led to it (A61)', async () => {
    await run(
      `init({ service: { name: 'shop' } });
       function charge() { throw new TypeError('card refused', { cause: new Error('bank says no') }); }
       const log = getLogger('shop.payments');
       withSpan('pay', () => {
         log.info('charging', { order: 7, password: 'hunter2' });
         try { charge(); } catch (error) { log.exception(error, 'charge failed', { order: 7 }); }
       });`,
      { SENTRY_RELEASE: 'shop@1.2.3', SENTRY_ENVIRONMENT: 'staging' },
    );
    const [{ path, auth, head, kind, event } = {} as never] = receiver.received;
    expect(path).to.equal('/api/42/envelope/');
    expect(auth).to.match(
      /^Sentry sentry_version=7, sentry_client=sonde\.javascript\.node\/\S+, sentry_key=publickey$/,
    );
    expect(head.event_id)
      .to.equal(event.event_id)
      .and.match(/^[0-9a-f]{32}$/);
    expect(kind).to.include({ type: 'event', length: Buffer.byteLength(JSON.stringify(event)) });
    expect(event).to.include({
      level: 'error',
      logger: 'shop.payments',
      message: 'charge failed',
      platform: 'node',
    });
    expect(event).to.include({ release: 'shop@1.2.3', environment: 'staging' });
    expect(event.exception.values.map(({ type, value }: any) => `${type}: ${value}`)).to.deep.equal([
      'Error: bank says no',
      'TypeError: card refused',
    ]);
    const frame = event.exception.values[1].stacktrace.frames.at(-1);
    expect(frame).to.include({ function: 'charge', in_app: true, lineno: 3 });
    expect(frame.filename).to.match(/app\.cjs$/);
    expect(event.extra.order).to.equal('7');
    expect(event.fingerprint).to.have.length(1);
    expect(event.contexts.trace.trace_id).to.match(/^[0-9a-f]{32}$/);
    const [crumb] = event.breadcrumbs.values;
    expect(crumb).to.include({ category: 'shop.payments', level: 'info' });
    expect(crumb.message).to.match(/^charging .*order=7/);
    expect(JSON.stringify(receiver.received)).to.not.include('hunter2');
  });

  it('are one for an error that is logged on its way and ends the process (A70), and leave before it ends', async () => {
    const ended = await run(
      `init({ service: { name: 'shop' } });
       const error = new Error('fatal flaw');
       getLogger('shop').error(error);
       throw error;`,
    );
    expect(ended.code).to.equal(1);
    expect(ended.stderr).to.include('Error: fatal flaw');
    expect(events().map(({ exception }) => exception.values[0].value)).to.deep.equal(['fatal flaw']);
  });

  it('of what nobody caught are fatal and unhandled', async () => {
    await run(`init({ service: { name: 'shop' } }); Promise.reject(new RangeError('nobody waits'));`);
    const [event] = events();
    expect(event).to.include({ level: 'fatal' });
    expect(event!.exception.values[0].mechanism).to.deep.equal({
      type: 'onuncaughtexception',
      handled: false,
    });
  });

  it('leave at process.exit, too', async () => {
    const ended = await run(
      `init({ service: { name: 'shop' } }); getLogger('shop').error('disk full'); process.exit(4);`,
    );
    expect(ended.code).to.equal(4);
    expect(events().map(({ message }) => message)).to.deep.equal(['disk full']);
  });

  const served = (options: string) => `
    const http = require('node:http');
    init({ service: { name: 'shop' }, ${options} });
    const server = http.createServer((request, response) => {
      addContext({ 'user.id': 'ada' });
      getLogger('shop').error('no such order', new Error('nothing'), { request });
      response.statusCode = 500;
      response.end();
    }).listen(0, '127.0.0.1', async () => {
      const headers = { cookie: 'session=c00kie', 'user-agent': 'curious' };
      await fetch('http://127.0.0.1:' + server.address().port + '/orders/7?token=s3cret', { headers });
      server.close();
      server.closeAllConnections();
    });`;

  it('have the request and the id of the user that the app names; no address, cookie or header by default', async () => {
    await run(served(''));
    const [event] = events();
    expect(event!.request).to.deep.equal({ method: 'GET', url: '/orders/7?token=REDACTED' });
    expect(event!.user).to.deep.equal({ id: 'ada' });
    const text = JSON.stringify(event);
    for (const secret of ['127.0.0.1', 'c00kie', 's3cret', 'curious']) expect(text).to.not.include(secret);
  });

  it('have address and headers with sendDefaultPii, and never a secret', async () => {
    await run(served('sendDefaultPii: true'));
    const [event] = events();
    expect(event!.user).to.deep.equal({ id: 'ada', ip_address: '127.0.0.1' });
    expect(event!.request.headers).to.include({ 'user-agent': 'curious' });
    for (const secret of ['c00kie', 's3cret']) expect(JSON.stringify(event)).to.not.include(secret);
  });

  it('may be ignored, changed and left out; what a hook adds is redacted, one that throws changes nothing', async () => {
    const ended = await run(
      `init({
         service: { name: 'shop' },
         ignoreErrors: ['ECONNRESET', /^TypeError: boring/],
         beforeSend(event, { originalException }) {
           if (event.message === 'mine') return null;
           if (event.message === 'bad') throw new Error('no');
           return { ...event, tags: { ...event.tags, name: originalException?.name ?? 'none', password: 'Bearer abcdef0123456789abcdef' } };
         },
       });
       const log = getLogger('shop');
       log.error(new TypeError('boring thing'));
       log.error('read ECONNRESET');
       log.error('mine');
       log.error('bad');
       log.error(new RangeError('kept'));`,
    );
    const kept = events().map(({ message, tags }) => [message, tags.name]);
    expect(kept).to.deep.equal([
      ['bad', undefined],
      ['kept', 'RangeError'],
    ]);
    expect(JSON.stringify(events())).to.not.include('abcdef0123456789');
    expect(ended.stderr).to.match(/beforeSend threw/);
  });

  it('wait as long as the server asks: what comes meanwhile is counted and left out', async () => {
    receiver.answer = { status: 429, headers: { 'x-sentry-rate-limits': '60:error:organization' } };
    const ended = await run(
      `const sonde = init({ service: { name: 'shop' } });
       (async () => {
         getLogger('shop').error('first');
         await sonde.forceFlush();
         for (let i = 0; i < 5; i++) getLogger('shop').error('later ' + i);
         await sonde.forceFlush();
         process.exit();
       })();`,
    );
    expect(receiver.received).to.deep.equal([]);
    expect(ended.stdout + ended.stderr).to.match(
      /Error events cannot be sent as envelopes to 127\.0\.0\.1:\d+: it answered 429/,
    );
  });

  it('say what is wrong with a DSN, without its key, and stop nothing', async () => {
    const ended = await run(`init({ service: { name: 'shop' } }); getLogger('shop').info('served');`, {
      SENTRY_DSN: 'https://s3cretkey@example.com',
    });
    expect(ended.code).to.equal(0);
    expect(ended.lines.map(({ message }) => message)).to.include('served');
    expect(ended.stderr)
      .to.include('the DSN is not of the form https://KEY@HOST/PROJECT')
      .and.not.include('s3cretkey');
  });

  it('hold no process whose server is gone, and say what was not out', async () => {
    await receiver.close();
    const began = performance.now();
    const ended = await run(`init({ service: { name: 'shop' } }); getLogger('shop').error('lost');`);
    expect(ended.code).to.equal(0);
    expect(performance.now() - began).to.be.below(20_000);
    expect(ended.stdout + ended.stderr).to.match(
      /1 error events? to 127\.0\.0\.1:\d+ were not out at the end|cannot be sent/,
    );
  });

  it('take the words of Sentry: rate, environment, release', async () => {
    const ended = await run(
      `const sonde = init({
         dsn: process.env.SENTRY_DSN, tracesSampleRate: 0.1, profilesSampleRate: 0.1, sendDefaultPii: false,
         environment: 'canary', release: 'shop@7',
       });
       const { trace } = require('@opentelemetry/api');
       const counts = [1, 2, 3, 4, 5].map(() => {
         let sampled = 0;
         for (let i = 0; i < 10000; i++) {
           const span = trace.getTracer('t').startSpan('s');
           sampled += span.spanContext().traceFlags & 1;
           span.end();
         }
         return sampled;
       });
       const [, , sampled] = counts.sort((a, b) => a - b);
       getLogger('shop').error('sampled ' + sampled);`,
    );
    const [event] = events();
    expect(event).to.include({ environment: 'canary', release: 'shop@7' });
    // Three standard deviations of 10,000 at 0.1 are 90; one of five may be beyond them.
    expect(Number(/sampled (\d+)/.exec(event!.message)?.[1])).to.be.within(910, 1_090);
    expect(ended.stderr).to.include('profilesSampleRate has no effect');
  });
});
