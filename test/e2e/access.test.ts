/** The access log of a real process: lines, OTLP and spans beside each other. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const app = join(import.meta.dirname, 'apps/access');

describe('The access log of a process', () => {
  let sink: OtlpSink;
  let folder: string;

  before(() => {
    folder = appFolder([], app);
  });

  async function run(env: Record<string, string> = {}): Promise<Ended> {
    sink = await startSink();
    const ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
      cwd: folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, ...env },
    });
    await sink.close();
    expect(ended.code, ended.stderr).to.equal(0);
    return ended;
  }

  const told = (ended: Ended, ...loggers: string[]): string[] =>
    ended.lines
      .filter(({ logger }) => loggers.includes(logger))
      .map(({ logger, message }) => `${logger} ${message}`);
  const seenBy = (ended: Ended): string[] => ended.lines.find(({ seen }) => seen !== undefined)?.seen;
  const sent = (logger: string) => sink.logs().filter(({ scope }) => scope === logger);

  it('is on by default, printed and sent, once a request, without query and without health checks (A53, A64)', async () => {
    const ended = await run();
    expect(told(ended, 'access', 'sonde.request')).to.deep.equal([
      'access GET /orders/1 200',
      'sonde.request Not Found: /missing',
      'access GET /missing 404',
    ]);
    expect(sent('access').map(({ body }) => body)).to.deep.equal(['GET /orders/1 200', 'GET /missing 404']);
    expect(ended.stdout).to.not.include('hunter2');
  });

  it('has the ids of its request, and annotate() is on the record and the span (A64)', async () => {
    const ended = await run();
    const line = ended.lines.find(({ logger }) => logger === 'access');
    expect(line).to.deep.include({ coupon: 'SPRING', note: { deep: true } });
    const span = sink.spans().find(({ spanId }) => spanId === line?.span_id);
    expect(span?.kind).to.equal(2);
    expect(span?.attributes).to.include({ coupon: 'SPRING' });
    expect(ended.lines.find(({ logger }) => logger === 'shop')).to.not.have.property('coupon');
  });

  it('is switched by SONDE_ACCESS_LOG (A70)', async () => {
    expect(told(await run({ SONDE_ACCESS_LOG: 'off' }), 'access')).to.deep.equal([]);
    expect(told(await run({ SONDE_ACCESS_LOG: 'errors' }), 'access')).to.deep.equal([
      'access GET /missing 404',
    ]);
  });

  it('does not go on to the handlers of the root, and goes to its own where it has some (A53)', async () => {
    const apart = await run({ WITH_DICT: 'root' });
    expect(told(apart, 'access')).to.have.length(2);
    expect(seenBy(apart)).to.deep.equal([
      'shop asked',
      'shop asked',
      'sonde.request Not Found: /missing',
      'shop asked',
    ]);
    expect(sent('access')).to.have.length(2);

    const named = await run({ WITH_DICT: 'named' });
    expect(told(named, 'access')).to.deep.equal([]);
    expect(seenBy(named).filter((text: string) => text.startsWith('access'))).to.have.length(2);
    expect(sent('access')).to.have.length(2);
  });

  it('is sonde.server in the preset of Django in development, one line a request (A47)', async () => {
    const ended = await run({ SONDE_LOG_FORMAT: 'django', NODE_ENV: 'development' });
    expect(sent('access')).to.deep.equal([]);
    expect(sent('sonde.server').map(({ body }) => body)).to.deep.equal(['HTTP request', 'HTTP request']);
    expect(ended.stdout.match(/HTTP request/g)).to.have.length(2);
    await run({ SONDE_LOG_FORMAT: 'django' });
    expect(sent('access').map(({ body }) => body)).to.deep.equal(['HTTP request', 'HTTP request']);
  });
});
