// The other loggers as an ES module imports them, one made before the work begins.
import { configureSync, getJsonLinesFormatter, getLogger } from '@logtape/logtape';
import bunyan from 'bunyan';
import log4js from 'log4js';
import { pino } from 'pino';
import { withSpan } from 'sonde';
import { createLogger, format, transports } from 'winston';

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

withSpan('work', () => {
  for (const logger of loggers) logger.warn('hello');
});
