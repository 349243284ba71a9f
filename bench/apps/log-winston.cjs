'use strict';
const { createLogger, format, transports } = require('winston');
const { fields } = require('./records.cjs');
const loop = require('./loop.cjs');

const log = createLogger({
  format: format.combine(format.timestamp(), format.json()),
  transports: [new transports.Console()],
});
loop((at) => log.info('order created', fields(at)));
