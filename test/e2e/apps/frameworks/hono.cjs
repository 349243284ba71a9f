const { createAdaptorServer } = require('@hono/node-server');
const { Hono } = require('hono');
require('./hono-app.cjs').run(Hono, createAdaptorServer);
