const { createServer, get } = require('node:http');
const { Pool } = require('pg');
const { getLogger, init } = require('sonde');
init();
require('./scenario.cjs').run({ createServer, get, Pool, getLogger });
