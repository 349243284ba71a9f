/** Each example runs beside an install of the packed tarball, ends by itself and shows what it promises. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { requirePostgres } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const examples = join(import.meta.dirname, '../../examples');

function run(folder: string, args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const packages = folder === 'express-postgres' ? ['express', 'pg'] : [];
  return runNode(args, { cwd: appFolder(packages, join(examples, folder)), env });
}

function expectRun(ended: Ended): void {
  expect(ended.code, ended.stderr).to.equal(0);
  expect(ended.signal).to.equal(null);
}

/** The lines that the example's own loggers wrote. */
function linesOf(ended: Ended, logger: string) {
  return ended.lines.filter((line) => line.logger.startsWith(logger));
}

describe('examples', function () {
  this.timeout(30_000);

  it('quickstart: both lines of the request carry its correlation id and its trace', async () => {
    const ended = await run('quickstart', ['quickstart.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('Sent X-Correlation-ID: order-1042, got back order-1042.');
    const lines = linesOf(ended, 'quickstart');
    expect(lines.map((line) => line.message)).to.deep.equal(['hello asked', 'hello answered']);
    expect(lines.map((line) => line.correlation_id)).to.deep.equal(['order-1042', 'order-1042']);
    expect(lines[0]!.trace_id).to.match(/^[0-9a-f]{32}$/);
    expect(lines[1]).to.include({ trace_id: lines[0]!.trace_id, span_id: lines[0]!.span_id });
  });

  it('correlation: one id here, in the next service and in the answer, whatever the caller sent', async () => {
    const ended = await run('correlation', ['correlation.mjs']);
    expectRun(ended);
    const rows = ended.stdout.split('\n').filter((line) => / id /.test(line) && line.includes("'"));
    const ids = rows.map((row) => [...row.matchAll(/'([^']*)'/g)].map(([, id]) => id));
    expect(ids).to.have.length(3);
    for (const [here, next, echoed] of ids) expect([next, echoed]).to.deep.equal([here, here]);
    expect(ids[0]![0]).to.equal('order-1042');
    expect(ids[2]![0]).to.match(/^[0-9a-f]{32}$/);
    expect(ids[1]![0]).to.match(/^[0-9a-f]{32}$/);
    for (const line of linesOf(ended, 'shop')) expect(line).to.include({ 'user.id': 'ada' });
  });

  it('worker-threads: the line written in the worker carries the ids of the request', async () => {
    const ended = await run('worker-threads', ['--import', 'sonde/register', 'main.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('wrote its line under upload-7');
    const [asked, resized] = linesOf(ended, 'shop.images');
    expect(asked).to.include({ message: 'image asked', correlation_id: 'upload-7' });
    expect(resized).to.include({
      message: 'image resized',
      correlation_id: 'upload-7',
      trace_id: asked!.trace_id,
    });
  });

  it('express-postgres: each request keeps its own ids across the pool', async function () {
    await requirePostgres(this);
    const ended = await run('express-postgres', ['--import', 'sonde/register', 'app.mjs']);
    expectRun(ended);
    expect(ended.stdout).to.contain('6 of 6 requests kept their own ids');
    const lines = linesOf(ended, 'shop.products');
    expect(lines).to.have.length(6);
    for (const line of lines) expect(line.correlation_id).to.equal(`call-${line.product}`);
    expect(new Set(lines.map((line) => line.trace_id)).size).to.equal(6);
  });

  it('express-postgres: says in one line that no database answers', async () => {
    const env = { DATABASE_URL: 'postgres://postgres@127.0.0.1:9/postgres' };
    const ended = await run('express-postgres', ['--import', 'sonde/register', 'app.mjs'], env);
    expect(ended.code).to.equal(1);
    expect(ended.stderr).to.contain('PostgreSQL does not answer (ECONNREFUSED)');
  });
});
