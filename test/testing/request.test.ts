import http from 'node:http';
import { createRequire } from 'node:module';
import { expect } from 'chai';
import fastify from 'fastify';
import { Hono } from 'hono';
import { getLogger } from '../../src/logs/logger.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { Sink } from '../../src/logs/record.ts';
import { captureLogs, request } from '../../src/testing.ts';

// These have no types of their own.
const require = createRequire(import.meta.url);
const express = require('express');
const Koa = require('koa');
const { Router } = require('@koa/router');
const log = getLogger('access');

/** Answers with what it was asked, and logs it. */
const listener: http.RequestListener = async (incoming, outgoing) => {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  log.info('HTTP request', { path: incoming.url, status: 200 });
  outgoing.setHeader('x-request-id', 'r-1').setHeader('set-cookie', ['a=1', 'b=2']);
  outgoing.setHeader('content-type', 'application/json');
  const { method, url, headers } = incoming;
  outgoing.end(
    JSON.stringify({ method, url, type: headers['content-type'], body: String(Buffer.concat(chunks)) }),
  );
};

function koaApp(): object {
  const app = new Koa();
  const router = new Router();
  router.get('/readyz', (context: any) => {
    log.info('asked', { path: context.path });
    context.body = { status: 'ready' };
  });
  return app.use(router.routes());
}

function honoApp(): Hono {
  const app = new Hono();
  app.get('/readyz', (context) => {
    log.info('asked', { path: context.req.path });
    return context.json({ status: 'ready' });
  });
  app.post('/echo', async (context) => context.json(await context.req.json(), 201));
  return app;
}

const apps: Record<string, () => object> = {
  express: () =>
    express().get('/readyz', (_request: any, response: any) => {
      log.info('asked', { path: '/readyz' });
      response.json({ status: 'ready' });
    }),
  fastify: () => {
    const app = fastify();
    app.get('/readyz', async () => {
      log.info('asked', { path: '/readyz' });
      return { status: 'ready' };
    });
    return app;
  },
  koa: koaApp,
  hono: honoApp,
};

describe('request (A67)', () => {
  let printers: readonly Sink[];
  before(() => {
    printers = setSinks([]);
  });
  after(() => void setSinks(printers));

  for (const [name, make] of Object.entries(apps)) {
    it(`asks an app of ${name}, and its records are those of the test (A66)`, async () => {
      const app = make();
      const { records } = await captureLogs('access', 'INFO', async () => {
        const { status, headers, json } = await request(app, '/readyz');
        expect(status).to.equal(200);
        expect(headers['content-type']).to.match(/^application\/json/);
        expect(json()).to.eql({ status: 'ready' });
      });
      expect(records.map(({ path }) => path)).to.eql(['/readyz']);
      const { status } = await request(app, '/nowhere');
      expect(status).to.equal(404);
    });
  }

  it('asks a listener and gives back the whole answer', async () => {
    const { status, headers, text, json } = await request(listener, '/readyz?a=1', { body: { id: 7 } });
    expect(status).to.equal(200);
    expect(headers).to.include({ 'x-request-id': 'r-1', 'set-cookie': 'a=1,b=2' });
    const told = { method: 'POST', url: '/readyz?a=1', type: 'application/json', body: '{"id":7}' };
    expect(json()).to.eql(told);
    expect(text).to.equal(JSON.stringify(told));
    const sent = await request(listener, '/', {
      method: 'PUT',
      body: 'plain',
      headers: { 'Content-Type': 'text/x' },
    });
    expect(sent.json()).to.include({ method: 'PUT', type: 'text/x', body: 'plain' });
  });

  it('sends a body to an app that knows web requests only', async () => {
    const { status, json } = await request(honoApp(), '/echo', { body: { id: 7 } });
    expect(status).to.equal(201);
    expect(json()).to.eql({ id: 7 });
  });

  it('asks a server that listens, each test for itself, and leaves it as it was', async () => {
    const server = http.createServer(listener).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      const each = (id: number) => captureLogs('access', 'INFO', () => request(server, `/${id}`));
      const all = await Promise.all([1, 2, 3].map(each));
      expect(all.map(({ records }) => records.map(({ path }) => path))).to.eql([['/1'], ['/2'], ['/3']]);
      expect(server.listening).to.equal(true);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  it('closes what it opened, also when the connection breaks', async () => {
    const server = http.createServer((incoming) => incoming.socket.destroy());
    const failed = await request(server, '/').catch((error: NodeJS.ErrnoException) => error.code);
    expect(failed).to.equal('ECONNRESET');
    expect(server.listening).to.equal(false);
  });

  it('says what it takes', async () => {
    const failed = await request({ an: 'object' }).catch((error: Error) => error);
    expect(failed).to.be.instanceOf(TypeError);
  });
});
