/** The packages below Express, used without it (A34, A35, A70). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runService } from '../support/service.ts';
import { appFolder } from '../support/tarball.ts';

const serve = (listener: string) => `
const server = require('node:http').createServer(${listener});
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
process.once('SIGTERM', () => { server.close(); server.closeAllConnections(); });`;

const apps = {
  router: `
const router = require('router')();
const shops = require('router')();
shops.get('/orders/:id', (request, response) => response.end('ok'));
shops.get('/broken', () => { throw new TypeError('broken'); });
router.use('/shops/:shop', shops);
${serve("(request, response) => router(request, response, require('finalhandler')(request, response, { onerror() {} }))")}`,
  connect: `
const app = require('connect')();
app.use('/shops/7/orders', (request, response) => response.end('ok'));
app.use('/shops/7/broken', () => { throw new TypeError('broken'); });
${serve('app')}`,
};

describe('middleware without a framework', function () {
  this.timeout(30_000);
  let folder: string;
  before(() => {
    folder = appFolder(['router', 'connect', 'finalhandler']);
    for (const [name, text] of Object.entries(apps)) writeFileSync(join(folder, `${name}.cjs`), text);
  });

  const run = (name: keyof typeof apps) =>
    runService(['--require', 'sonde/register', `${name}.cjs`], { cwd: folder }, async (port) => {
      for (const path of ['orders/42', 'broken']) {
        await (await fetch(`http://127.0.0.1:${port}/shops/7/${path}`)).text();
      }
    });

  it('has the routes of the package router, and what a handler threw is told once', async () => {
    const { ended, sink } = await run('router');
    const spans = sink.spans().filter(({ kind }) => kind === 2);
    expect(spans.map(({ name }) => name)).to.deep.equal([
      'GET /shops/:shop/orders/:id',
      'GET /shops/:shop/broken',
    ]);
    const errors = ended.lines.filter(({ level }) => level === 'ERROR');
    expect(errors).to.have.length(1);
    expect(errors[0]).to.include({
      logger: 'sonde.request',
      'error.type': 'TypeError',
      'error.message': 'broken',
    });
    const access = ended.lines.filter(({ logger }) => logger === 'access');
    expect(access.map((line) => line['http.route'])).to.deep.equal([
      '/shops/:shop/orders/:id',
      '/shops/:shop/broken',
    ]);
  });

  it('has the status of connect, which knows no routes and keeps its errors to itself', async () => {
    const { ended, sink } = await run('connect');
    const spans = sink.spans().filter(({ kind }) => kind === 2);
    expect(spans.map(({ name }) => name)).to.deep.equal(['GET', 'GET']);
    const errors = ended.lines.filter(({ level }) => level === 'ERROR');
    expect(errors.map(({ logger, trace_id }) => [logger, trace_id])).to.deep.equal([
      ['sonde.request', spans[1]!.traceId],
    ]);
  });
});
