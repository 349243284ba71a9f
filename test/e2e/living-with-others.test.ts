/** Beside other tools that see the same requests: one span, one duration, one log record, one access line each. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { runService } from '../support/service.ts';
import { appFolder } from '../support/tarball.ts';

const requests = 3;

const serve = `
const log = pino();
const server = http.createServer(async (request, response) => {
  log.info('asked');
  const answer = await fetch(process.env.SUPPLIER + '/supply');
  response.end(await answer.text());
});
const stop = () => { server.close(); server.closeAllConnections(); return globalThis.endPeer?.(); };
process.once('SIGTERM', stop);
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));`;

const express = (middleware: string) => `
const express = require('express');
const app = express();
${middleware}
app.get('/ask', async (request, response) => {
  log.info('asked');
  const answer = await fetch(process.env.SUPPLIER + '/supply');
  response.send(await answer.text());
});
const server = app.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })));
process.once('SIGTERM', () => { server.close(); server.closeAllConnections(); });`;

/** The app's own set-up of a peer, as its documentation has it. */
const nodeSdk = `
const sdk = new NodeSDK({ instrumentations: [getNodeAutoInstrumentations()] });
sdk.start();
globalThis.endPeer = () => sdk.shutdown();`;
const sentry = (name: string) => `
import * as Sentry from '${name}';
Sentry.init({ dsn: process.env.SUPPLIER.replace('//', '//key@') + '/1', tracesSampleRate: 1 });
globalThis.endPeer = () => Sentry.close(1000);`;

const files: Readonly<Record<string, string>> = {
  'app.cjs': `const http = require('node:http'); const pino = require('pino'); ${serve}`,
  'app.mjs': `import http from 'node:http'; import pino from 'pino'; ${serve}`,
  'sdk.cjs': `const { NodeSDK } = require('@opentelemetry/sdk-node');
    const { getNodeAutoInstrumentations } = require('@opentelemetry/auto-instrumentations-node'); ${nodeSdk}`,
  'sdk.mjs': `import { NodeSDK } from '@opentelemetry/sdk-node';
    import { getNodeAutoInstrumentations } from '@opentelemetry/auto-instrumentations-node'; ${nodeSdk}`,
  'sentry.mjs': sentry('@sentry/node'),
  'sentry-10.mjs': sentry('sentry-node-10'),
  'dd.cjs': "require('dd-trace').init({ startupLogs: false });",
  'prom.cjs': `const log = require('pino')(); ${express("app.use(require('express-prom-bundle')({ includePath: true }));")}`,
  'pino-http.cjs': `const log = require('pino')(); ${express("app.use(require('pino-http')({ logger: log }));")}`,
  'morgan.cjs': `const log = require('pino')(); ${express("app.use(require('morgan')('tiny'));")}`,
};

const packages = [
  '@opentelemetry/auto-instrumentations-node',
  '@opentelemetry/sdk-node',
  '@sentry/node',
  'dd-trace',
  'express',
  'express-prom-bundle',
  'morgan',
  'pino',
  'pino-http',
  'prom-client',
  'sentry-node-10',
];

interface Company {
  readonly args: readonly string[];
  /** Who makes the spans. */
  readonly scopes?: readonly [server: string, client: string];
  readonly env?: Readonly<Record<string, string>>;
  /** Access lines a request, by Sonde; 1 where nothing is said. */
  readonly access?: number;
  /** Path prefix of what the peer sends to its own place. */
  readonly sends?: string;
  /** What Sonde says of it, once. */
  readonly says?: RegExp;
  /** Series of the peer's own page at `/metrics` that counts the requests. */
  readonly page?: RegExp;
  /** Another line of each request, by the peer. */
  readonly line?: RegExp;
}

const sonde = ['sonde', 'sonde'] as const;
const official = ['@opentelemetry/instrumentation-http', '@opentelemetry/instrumentation-undici'] as const;
const preload = ['--require', 'sonde/register'];
const auto = ['--require', '@opentelemetry/auto-instrumentations-node/register'];
const twins =
  'amqplib, sqs, bunyan, express, http, http-client, ioredis, kafkajs, koa, mongodb, mysql, nestjs-core, pg, pino, redis, runtime, undici, winston';
const aside = new RegExp(`Sonde's own ${twins} stands aside for \\d+ official instrumentations`);

const companies: Readonly<Record<string, Company>> = {
  'a NodeSDK that starts after it': {
    args: [...preload, '--require', './sdk.cjs', 'app.cjs'],
    ...{ scopes: official, says: aside },
  },
  'a NodeSDK that starts after it in ES modules, without a loader': {
    args: ['--import', 'sonde/register', '--import', './sdk.mjs', 'app.mjs'],
    ...{ scopes: official, says: aside },
  },
  'a NodeSDK that starts after it, under SONDE_PREFER=own': {
    args: [...preload, '--require', './sdk.cjs', 'app.cjs'],
    env: { SONDE_PREFER: 'own' },
    says: /stays, in place of \d+ official instrumentations/,
  },
  'a NodeSDK that starts after it in ES modules, under SONDE_PREFER=own': {
    args: ['--import', 'sonde/register', '--import', './sdk.mjs', 'app.mjs'],
    env: { SONDE_PREFER: 'own' },
    says: /stays, in place of \d+ official instrumentations/,
  },
  'a NodeSDK that was there before': {
    args: ['--require', './sdk.cjs', ...preload, 'app.cjs'],
    ...{ scopes: official, says: /holds OpenTelemetry's globals/ },
  },
  'auto-instrumentations-node/register after it': {
    args: [...preload, ...auto, 'app.cjs'],
    ...{ scopes: official, says: aside },
  },
  'auto-instrumentations-node/register before it': {
    args: [...auto, ...preload, 'app.cjs'],
    ...{ scopes: official, says: /holds OpenTelemetry's globals/ },
  },
  'Sentry after it': {
    args: ['--import', 'sonde/register', '--import', './sentry.mjs', 'app.cjs'],
    sends: '/api/1/envelope/',
  },
  'Sentry 10 after it': {
    args: ['--import', 'sonde/register', '--import', './sentry-10.mjs', 'app.cjs'],
    says: /SONDE_ERR_FOREIGN_SDK/,
  },
  'Sentry before it, in ES modules': {
    args: ['--import', './sentry.mjs', '--import', 'sonde/register', 'app.mjs'],
    sends: '/api/1/envelope/',
  },
  'dd-trace after it': { args: [...preload, '--require', './dd.cjs', 'app.cjs'], sends: '/v0.4/traces' },
  'dd-trace before it': { args: ['--require', './dd.cjs', ...preload, 'app.cjs'], sends: '/v0.4/traces' },
  'dd-trace after it, in ES modules': {
    args: [...preload, '--require', './dd.cjs', 'app.mjs'],
    sends: '/v0.4/traces',
  },
  'express-prom-bundle': {
    args: [...preload, 'prom.cjs'],
    page: /^http_request_duration_seconds_count\{.*path="\/ask".*\} 3$/m,
  },
  'pino-http': { args: [...preload, 'pino-http.cjs'], access: 0, line: /"request completed"/ },
  morgan: { args: [...preload, 'morgan.cjs'], access: 0, line: /^GET \/ask 200/m },
};

/** What the app calls, and where its other tools send to. */
async function startSupplier() {
  const parents: number[] = [];
  const others: string[] = [];
  const server = http.createServer((request, response) => {
    const { url = '', rawHeaders } = request;
    if (url === '/supply') parents.push(rawHeaders.filter((name) => /^traceparent$/i.test(name)).length);
    else others.push(url);
    request.resume().once('end', () => response.end('{}'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    parents,
    others,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function count(texts: string, pattern: RegExp): number {
  return texts.match(new RegExp(pattern, `g${pattern.flags}`))?.length ?? 0;
}

describe('living with others', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = appFolder(packages);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  });

  async function run({ args, env, page }: Company) {
    const supplier = await startSupplier();
    const settings = {
      SUPPLIER: supplier.url,
      DD_TRACE_AGENT_URL: supplier.url,
      OTEL_NODE_RESOURCE_DETECTORS: 'none',
      ...env,
    };
    try {
      const served = await runService(args, { cwd: folder, env: settings }, async (port) => {
        for (let i = 0; i < requests; i++) await (await fetch(`http://127.0.0.1:${port}/ask`)).text();
        return page ? (await fetch(`http://127.0.0.1:${port}/metrics`)).text() : '';
      });
      return { ...served, supplier };
    } finally {
      supplier.close();
    }
  }

  for (const [name, company] of Object.entries(companies)) {
    it(`tells of each request once beside ${name}`, async () => {
      const { scopes = sonde, access = 1, sends, says, line, page } = company;
      const { ended, sink, supplier, driven } = await run(company);
      expect(ended.code, ended.stderr).to.equal(0);
      const spans = sink.spans().filter(({ kind }) => kind > 1);
      const told = spans.map(({ kind, scope }) => `${kind} ${scope}`).sort();
      const each = [`2 ${scopes[0]}`, `3 ${scopes[1]}`];
      expect(told).to.deep.equal(each.flatMap((one) => Array(requests).fill(one)));
      expect(supplier.parents, 'traceparent once').to.deep.equal(Array(requests).fill(1));

      const durations = sink.metrics().filter(({ name }) => name === 'http.server.request.duration');
      expect(new Set(durations.map(({ scope }) => scope))).to.deep.equal(new Set([scopes[0]]));
      expect(durations.at(-1)?.points.map((point) => point.count)).to.deep.equal([requests]);

      const copies = sink.logs().filter(({ body }) => body === 'asked');
      const servers = spans.filter(({ kind }) => kind === 2).map(({ traceId }) => traceId);
      expect(copies.map(({ traceId }) => traceId).sort()).to.deep.equal(servers.sort());
      const printed = ended.lines.filter(({ msg, message }) => msg === 'asked' || message === 'asked');
      expect(printed).to.have.length(requests);

      const own = ended.lines.filter(({ logger }) => logger === 'access');
      expect(own).to.have.length(access * requests);
      for (const { trace_id, message, 'http.response.status_code': status } of own) {
        expect(servers).to.include(trace_id);
        expect([message, status]).to.deep.equal(['GET /ask 200', 200]);
      }
      if (line !== undefined) expect(count(ended.stdout, line)).to.equal(requests);
      if (sends !== undefined) expect(supplier.others.some((path) => path.startsWith(sends))).to.equal(true);
      if (page !== undefined) expect(count(driven, page)).to.equal(1);
      if (says !== undefined) expect(count(ended.stdout + ended.stderr, says)).to.equal(1);
    });
  }
});
