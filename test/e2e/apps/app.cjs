const { createServer, get } = require('node:http');
const { Pool } = require('pg');
const { getLogger } = require('sonde');
require('./scenario.cjs').run({ createServer, get, Pool, getLogger });
