'use strict';
/** A route that asks another service, by `node:http` or by `fetch`, and answers with what that said. */
const http = require('node:http');
const { fastify } = require('fastify');
const answers = require('./answers.cjs');

const { BENCH_UPSTREAM: upstream, BENCH_CLIENT: client } = process.env;
const agent = new http.Agent({ keepAlive: true });

const byHttp = () =>
  new Promise((resolve, reject) => {
    const request = http.get(upstream, { agent }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () => resolve(JSON.parse(text)));
    });
    request.on('error', reject);
  });
const byFetch = async () => (await fetch(upstream)).json();
const ask = client === 'fetch' ? byFetch : byHttp;

const app = fastify();
app.get('/:greeting', async (request) => ({ [request.params.greeting]: (await ask()).hello }));
app.listen({ port: 0, host: '127.0.0.1' }).then(() => {
  process.send({ port: app.server.address().port });
  answers();
});
