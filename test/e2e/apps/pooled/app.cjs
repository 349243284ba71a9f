const { Agent, createServer, request } = require('node:http');
const { Pool: HttpPool, request: undiciRequest } = require('undici');
const { Pool } = require('pg');
const { getLogger } = require('sonde');
require('./service.cjs').serve({ Agent, createServer, request, HttpPool, undiciRequest, Pool, getLogger });
