// Everything of the app is there before Sonde is.
const pino = require('pino');
const bunyan = require('bunyan');
const log4js = require('log4js');
const { configureSync, getJsonLinesFormatter, getLogger } = require('@logtape/logtape');
const { createLogger, format, transports } = require('winston');

log4js.configure({
  appenders: {
    out: { type: 'stdout', layout: { type: 'pattern', pattern: 'log4js %m %X{correlation_id}' } },
  },
  categories: { default: { appenders: ['out'], level: 'info' } },
});
const toLine = getJsonLinesFormatter();
configureSync({
  sinks: { out: (record) => process.stdout.write(toLine(record)) },
  loggers: [
    { category: 'by', sinks: ['out'], lowestLevel: 'info' },
    { category: ['logtape', 'meta'], sinks: ['out'], lowestLevel: 'error' },
  ],
});
const loggers = [
  pino({ name: 'by.pino' }),
  bunyan.createLogger({ name: 'by.bunyan' }),
  log4js.getLogger('by.log4js'),
  getLogger(['by', 'logtape']),
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
