/** What the logging model takes and refuses: checked by `tsc`, run by nobody. */
import {
  defineConfig,
  dictConfig,
  type EventProcessor,
  type InitOptions,
  init,
  type Options,
  processors,
} from '../../src/index.ts';

class SpecialFilter {
  readonly foo: string;

  constructor({ foo }: { foo: string }) {
    this.foo = foo;
  }

  filter(): boolean {
    return true;
  }
}

export const ours: InitOptions = {
  logs: {
    formatters: { verbose: { format: '{asctime} {levelname} {name} {message}', style: '{' } },
    filters: {
      special: { use: SpecialFilter, with: { foo: 'bar' } },
      mine: (record) => record.level !== 'DEBUG',
    },
    handlers: {
      console: { level: 'INFO', formatter: 'verbose' },
      file: { level: 'WARNING', path: 'app.log', maxBytes: 10_485_760, backupCount: 5 },
      memory: { capacity: 100, flushLevel: 'ERROR', flushIntervalMs: 5_000, target: 'file' },
      http: { host: 'logs.example.com', url: '/ingest', secure: true, credentials: ['user', 'password'] },
      recorder: { type: 'memory', perTrace: true, level: 'DEBUG', target: 'console', maxTraces: 10 },
      own: { use: './handlers.js#Own', level: 'ERROR', filters: ['special', { use: './filters.js#Other' }] },
      list: (record) => void record.message,
    },
    loggers: { shop: { level: 'debug', handlers: ['console'], propagate: false, filters: ['mine'] } },
    root: { handlers: ['console'], level: 'info' },
  },
};

export const asPython: Options = defineConfig({
  logs: {
    formatters: { json: { '()': 'pythonjsonlogger.json.JsonFormatter', format: '%(message)s' } },
    handlers: { file: { class: 'logging.handlers.RotatingFileHandler', filename: 'app.log', maxBytes: 1 } },
  },
});

dictConfig({
  version: 1,
  handlers: { console: { class: 'logging.StreamHandler' } },
  root: { handlers: ['console'] },
});

init({ logs: false });
init({ logs: (defaults) => ({ ...defaults, level: 'debug' }) });

const mine: EventProcessor = (event, { logger }) => ({ ...event, logger });
init({ logs: { processors: [processors.mergeContextvars(), mine, processors.jsonRenderer()] } });

// @ts-expect-error an option that no console has
export const levl: InitOptions = { logs: { handlers: { console: { levl: 'INFO' } } } };

// @ts-expect-error an option of a file, at the console
export const path: InitOptions = { logs: { handlers: { console: { path: 'app.log' } } } };

// @ts-expect-error a memory handler without a target
export const aimless: InitOptions = { logs: { handlers: { memory: { capacity: 10 } } } };

// @ts-expect-error a kind of handler that does not exist
export const kind: InitOptions = { logs: { handlers: { mine: { type: 'fil', path: 'app.log' } } } };

// @ts-expect-error handlers are named in a list
export const list: InitOptions = { logs: { loggers: { shop: { handlers: 'console' } } } };

// @ts-expect-error a style that Python does not have
export const style: InitOptions = { logs: { formatters: { verbose: { format: 'x', style: '<' } } } };

// @ts-expect-error true is no way to configure
export const yes: InitOptions = { logs: true };

// @ts-expect-error a dict has a version
dictConfig({ root: { level: 'INFO' } });
