// Everything of the app is there before Sonde is.
const pino = require('pino');
const bunyan = require('bunyan');
const log4js = require('log4js');
const { createLogger, format, transports } = require('winston');

log4js.configure({
  appenders: {
    out: { type: 'stdout', layout: { type: 'pattern', pattern: 'log4js %m %X{correlation_id}' } },
  },
  categories: { default: { appenders: ['out'], level: 'info' } },
});
const loggers = [
  pino({ name: 'by.pino' }),
  bunyan.createLogger({ name: 'by.bunyan' }),
  log4js.getLogger('by.log4js'),
  createLogger({
    defaultMeta: { service: 'by.winston' },
    transports: [new transports.Console({ format: format.json(), forceConsole: true })],
  }),
];

const { init, withSpan } = require('sonde');
init();
withSpan('work', () => {
  for (const logger of loggers) logger.warn('hello');
});
