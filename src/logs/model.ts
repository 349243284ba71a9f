/**
 * What a logging configuration says (A4 to A12, A38, A39): one structure, the same in `init({ logs })`, in the
 * configuration file and in `dictConfig`. Each part may be spelt as here, or as Python spells it (`class`, `()`).
 */
import type { Filter, Formatter } from './handler.ts';
import type { LogRecord } from './record.ts';

/** A level by name in any case (`'WARNING'`, `'warn'`), `'NOTSET'`, or Python's number (30). */
export type ModelLevel = string | number;

/**
 * A class or function of the app: itself, its name in the registry given to `dictConfig`, or a module path with the
 * export behind `#`, from the current folder. A class is constructed with `with`, a function called with it.
 */
export interface Factory {
  readonly use: string | ((...options: any[]) => unknown) | (new (...options: any[]) => unknown);
  readonly with?: Readonly<Record<string, unknown>>;
}

/** The same as Python spells it: what stands beside `()` is what it is called with. */
export interface PythonFactory {
  readonly '()': Factory['use'];
  readonly [option: string]: unknown;
}

/** A part by the name of Python's class: `{ class: 'logging.StreamHandler' }`, with Python's options and defaults. */
export interface PythonPart {
  readonly class: string;
  readonly [option: string]: unknown;
}

/** What lines look like, by a format string with Python's names: `{asctime} {levelname} {name} {message}`. */
export interface TemplateFormatter {
  readonly format?: string;
  /** How names are written: `{name}`, `%(name)s` (default) or `$name`. */
  readonly style?: '{' | '%' | '$';
  /** How `asctime` is written, in the directives of C's `strftime`. */
  readonly datefmt?: string;
  /** Whether a format that cannot be understood is an error; true by default. */
  readonly validate?: boolean;
  /** What stands for names that a record does not have. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

export type FormatterOptions = TemplateFormatter | Factory | PythonFactory | PythonPart | Formatter;

/** A filter by itself, or how to make it. One made may be a function, or an object with a method `filter`. */
export type FilterOptions = Filter | Factory | PythonFactory | PythonPart | { readonly name: string };

/**
 * A name of section `filters`, `requireProduction` or `requireDevelopment` (by `deployment.environment.name`, else
 * `NODE_ENV`; unset counts as production), or a filter.
 */
export type FilterReference = string | FilterOptions;

interface Common {
  /** What is lower is not taken; everything by default. */
  readonly level?: ModelLevel;
  /** Asked in order; one that says `false` stops the record here only. */
  readonly filters?: readonly FilterReference[];
  /** The same for one. */
  readonly filter?: Filter;
}

interface Printing extends Common {
  /** A name of section `formatters`, that of a format (`json`, `pretty`), or a function; `logs.format` by default. */
  readonly formatter?: string | Formatter;
}

/** Lines on standard output or standard error. */
export interface ConsoleHandler extends Printing {
  readonly type?: 'console';
  /** Standard output by default. */
  readonly stream?: 'stdout' | 'stderr';
}

/** Lines in a file that rotates by size, or by the clock. */
export interface FileHandler extends Printing {
  readonly type?: 'file';
  /** Relative to the current folder, which is made; `logs.file.path` (`SONDE_LOG_FILE`) by default. */
  readonly path?: string;
  /** Bytes that no file exceeds; 10,485,760 by default, 0 never rotates. */
  readonly maxBytes?: number;
  /** Files kept beside the one that is written; 5 by default. */
  readonly backupCount?: number;
  /** Rotates by the clock instead: `midnight`, `h`, `d`, `w0` to `w6`. */
  readonly when?: string;
  /** How many of `when` a file covers; 1 by default. */
  readonly interval?: number;
  /** Whether the clock is UTC's; false by default. */
  readonly utc?: boolean;
  /** Compresses backups; false by default. */
  readonly gzip?: boolean;
  /** Gathers 16 KB of lines, for 100 ms at most; records of ERROR and above are written through. False by default. */
  readonly buffered?: boolean;
  /** Opens the file with the first record; false by default. */
  readonly delay?: boolean;
  /** UTF-8 by default. */
  readonly encoding?: string;
}

/** Holds records until there are enough of them, or an error comes, and gives them to another handler's place. */
export interface MemoryHandler extends Common {
  readonly type?: 'memory';
  /** The name of the handler that gets them. */
  readonly target: string;
  readonly perTrace?: false;
  /** Records; 100 by default. */
  readonly capacity?: number;
  /** `'ERROR'` by default. */
  readonly flushLevel?: ModelLevel;
  /** Milliseconds that a record waits at most; 5,000 by default, 0 as long as it takes. */
  readonly flushIntervalMs?: number;
}

/**
 * The flight recorder: gives on what the loggers' levels let pass, holds the details below them trace by trace, and
 * gives them on as well if that trace errs.
 */
export interface TraceMemoryHandler extends Common {
  readonly type?: 'memory';
  readonly perTrace: true;
  /** The name of the handler that gets them. */
  readonly target: string;
  /** The lowest level that is held; `'DEBUG'` by default. A logger that is off stays off. */
  readonly level?: ModelLevel;
  /** Traces remembered at once; 1,000 by default. */
  readonly maxTraces?: number;
  /** Records held of one trace; 200 by default. */
  readonly maxRecordsPerTrace?: number;
  /** Bytes of all that is held, estimated; 4 MB by default. */
  readonly maxBytes?: number;
  /** Milliseconds for which a silent trace is remembered; 60,000 by default. */
  readonly maxAgeMillis?: number;
}

/** Posts `application/x-ndjson`, one JSON object a line, in batches behind a bounded queue. */
export interface HttpHandler extends Printing {
  readonly type?: 'http';
  /** Name or address, with `:port` where it is not the scheme's own. */
  readonly host: string;
  /** Path and query: `/ingest`. */
  readonly url: string;
  /** `POST` by default. */
  readonly method?: string;
  /** Whether it is https; false by default, as in Python. */
  readonly secure?: boolean;
  /** User and password for Basic authorization. */
  readonly credentials?: readonly [user: string, password: string];
  readonly headers?: Readonly<Record<string, string>>;
  /** `none` by default. */
  readonly compression?: 'none' | 'gzip';
  /** Milliseconds for one attempt; 10,000 by default. */
  readonly timeoutMillis?: number;
}

/**
 * Alerts for people: one a kind and 15 minutes, then a summary (A43). What is left out stands in `alerts` of the
 * configuration. Without `level` it takes ERROR and above.
 */
export interface AlertsHandler extends Common {
  readonly type?: 'alerts' | 'mail';
  /** The head of the text. */
  readonly formatter?: string | Formatter;
  /** `ada@example.com`, `Ada <ada@example.com>`, or `['Ada', 'ada@example.com']`. */
  readonly adminEmails?: readonly (string | readonly [name: string, address: string])[];
  /** `root@localhost` by default. */
  readonly serverEmail?: string;
  /** `smtp://user:password@host:587` or `smtps://host`; port 25 of this machine by default. */
  readonly email?: string;
  /** Slack, Teams, or what takes JSON; `kind` says which, where the host does not. */
  readonly webhook?:
    | string
    | {
        readonly url: string;
        readonly kind?: 'slack' | 'teams' | 'generic';
        readonly headers?: Readonly<Record<string, string>>;
      };
  /** A folder where each mail becomes a file, in place of a mail server. */
  readonly file?: string;
  /** Sends in place of a mail server. */
  readonly transport?: (subject: string, body: string) => unknown;
  /** `[service] ` by default. */
  readonly subjectPrefix?: string;
  /** A subject for all. */
  readonly subject?: string;
  /** Addresses and ranges that are `internal IP` in a subject. */
  readonly internalIps?: readonly string[];
  readonly report?: (record: LogRecord) => { readonly text: string; readonly html?: string };
  /** False by default. */
  readonly includeHtml?: boolean;
  /** `https://traces.example.com/trace/{trace_id}` */
  readonly link?: string;
  /** Milliseconds in which a kind is sent once; 900,000 by default. */
  readonly windowMillis?: number;
  /** Whether development is alerted, too; false by default. */
  readonly inDevelopment?: boolean;
}

/** Silence that is meant. */
export interface NullHandler extends Common {
  readonly type?: 'null';
}

/** A handler of the app: what is made is a function of a record, or an object with a method `write` or `emit`. */
export interface OwnHandler extends Common, Factory {}

export type HandlerOptions =
  | ConsoleHandler
  | FileHandler
  | MemoryHandler
  | TraceMemoryHandler
  | HttpHandler
  | AlertsHandler
  | NullHandler
  | OwnHandler
  | PythonFactory
  | PythonPart
  | HandlerFunction;

export type HandlerFunction = (record: LogRecord) => void;

/** What is called like a kind may still be silenced, or be made by the app. */
type Said<T extends HandlerOptions> =
  | T
  | (NullHandler & { readonly type: 'null' })
  | OwnHandler
  | PythonFactory
  | PythonPart
  | HandlerFunction;

/**
 * Handlers by name. Those that are called like a kind are of that kind, whatever is left out; every other one says its
 * `type`, or who makes it.
 */
export interface Handlers {
  readonly console?: Said<ConsoleHandler>;
  readonly file?: Said<FileHandler>;
  readonly memory?: Said<MemoryHandler | TraceMemoryHandler>;
  readonly http?: Said<HttpHandler>;
  readonly alerts?: Said<AlertsHandler>;
  readonly mail?: Said<AlertsHandler>;
  readonly null?: Said<NullHandler>;
  readonly [name: string]: HandlerOptions | undefined;
}

/** What is said of a logger and what is below it. */
export interface LoggerOptions {
  readonly level?: ModelLevel;
  /** Names of section `handlers`; `null` needs not be there. */
  readonly handlers?: readonly string[];
  /** Asked for records that are logged at this very name. */
  readonly filters?: readonly FilterReference[];
  /** Whether records go on to the handlers above; true by default. */
  readonly propagate?: boolean;
}

/** Formatters, filters, handlers and loggers by name. */
export interface LogsModel {
  readonly formatters?: Readonly<Record<string, FormatterOptions>>;
  readonly filters?: Readonly<Record<string, FilterOptions>>;
  readonly handlers?: Handlers;
  readonly loggers?: Readonly<Record<string, LoggerOptions>>;
  /**
   * What no other logger keeps to itself. In `init` and the configuration file a root without `handlers` has the
   * console, the log file if there is one, and every handler that no logger and no memory handler names.
   */
  readonly root?: LoggerOptions;
}
