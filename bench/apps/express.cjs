'use strict';
const http = require('node:http');
const express = require('express');
const serve = require('./serve.cjs');

const app = express();
app.get('/:greeting', (request, response) => response.json({ [request.params.greeting]: 'world' }));
serve(http.createServer(app));
