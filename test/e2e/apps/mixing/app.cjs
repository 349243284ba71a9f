const { createServer } = require('node:http');
const { Pool } = require('pg');
const { addContext, detached, getLogger } = require('sonde');
require('./service.cjs').serve({ createServer, Pool, addContext, detached, getLogger });
