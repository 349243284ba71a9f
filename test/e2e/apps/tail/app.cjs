const { createServer } = require('node:http');
const { Pool } = require('pg');
const { audit, currentSpan, getLogger, init, keepTrace } = require('sonde');
require('./service.cjs').serve({ createServer, Pool, audit, currentSpan, getLogger, init, keepTrace });
