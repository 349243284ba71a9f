'use strict';
const http = require('node:http');
const serve = require('./serve.cjs');

serve(
  http.createServer((_request, response) => {
    const body = JSON.stringify({ hello: 'world' });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
    response.end(body);
  }),
);
