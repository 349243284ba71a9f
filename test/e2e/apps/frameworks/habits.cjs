// What apps bring along: their own request loggers.
const { createServer } = require('node:http');
const { drive } = require('./drive.cjs');

const app = {
  async 'pino-http'() {
    const express = require('express');
    const { pinoHttp } = require('pino-http');
    const shop = express();
    shop.use(pinoHttp());
    shop.get('/orders', (request, response) => {
      request.log.info('looked up');
      response.json({});
    });
    return createServer(shop);
  },
  async 'own req.log'() {
    const express = require('express');
    const shop = express();
    shop.use((request, _response, next) => {
      request.log = { info: (text) => process.stdout.write(`own ${text}\n`) };
      request.correlationId = 'own';
      next();
    });
    shop.get('/orders', (request, response) => {
      request.log.info(`looked up ${request.correlationId}`);
      response.json({});
    });
    return createServer(shop);
  },
  'Fastify with its request log': () => fastify({ logger: true }),
  'Fastify without its request log': () =>
    fastify({
      logger: true,
      logController: new (require('fastify').LogController)({ disableRequestLogging: true }),
    }),
  'Fastify that is told at warn': () => fastify({ logger: { level: 'warn' } }),
};

async function fastify(options) {
  const shop = require('fastify')(options);
  shop.get('/orders', async (request) => {
    request.log.info('looked up');
    return {};
  });
  shop.get('/thrown', async () => {
    throw new TypeError('broken');
  });
  await shop.listen({ port: 0, host: '127.0.0.1' });
  return shop.server;
}

app[process.env.HABIT]().then((server) => drive(server));
