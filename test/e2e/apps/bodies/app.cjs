const { createServer } = require('node:http');
const { pipeline, Writable } = require('node:stream');
const { getLogger, withSpan } = require('sonde');
require('./service.cjs').serve({ createServer, pipeline, Writable, getLogger, withSpan });
