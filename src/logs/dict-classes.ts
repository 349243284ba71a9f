/** Python's class names in a `dictConfig`, and what stands for each here (A10). */

/** What a handler is made of. */
export type DestinationKind = 'console' | 'file' | 'null' | 'memory' | 'http' | 'mail';

/** Class names without their module; each is understood with and without it. */
const handlerClasses: ReadonlyMap<string, DestinationKind> = new Map([
  ['StreamHandler', 'console'],
  ['FileHandler', 'file'],
  ['RotatingFileHandler', 'file'],
  ['TimedRotatingFileHandler', 'file'],
  ['WatchedFileHandler', 'file'],
  ['NullHandler', 'null'],
  ['MemoryHandler', 'memory'],
  ['HTTPHandler', 'http'],
  ['AdminEmailHandler', 'mail'],
  ['SMTPHandler', 'mail'],
]);

/** Classes that have no place here, and what does their work. */
const refused: ReadonlyMap<string, string> = new Map([
  ['SysLogHandler', 'logging.StreamHandler: journald and every container engine take standard output'],
  ['NTEventLogHandler', 'logging.StreamHandler: the service manager takes standard output'],
  ['SocketHandler', 'OTLP: set OTEL_EXPORTER_OTLP_ENDPOINT'],
  ['DatagramHandler', 'OTLP: set OTEL_EXPORTER_OTLP_ENDPOINT'],
  ['QueueHandler', 'the handlers behind the queue: OTLP is queued by itself'],
  ['QueueListener', 'the handlers behind the queue'],
]);

const modules = /^(?:logging\.(?:handlers\.)?|django\.utils\.log\.)?(\w+)$/;

/** The last part of a class's name when it is one of Python's or Django's own. */
export function shortName(name: string): string | undefined {
  return modules.exec(name)?.[1];
}

/** What a class name stands for. */
export function kindOfHandler(name: string): DestinationKind | undefined {
  const short = shortName(name);
  return short === undefined ? undefined : handlerClasses.get(short);
}

/** What to use in place of a class that is known and has no place here. */
export function insteadOf(name: string): string | undefined {
  const short = shortName(name);
  return short === undefined ? undefined : refused.get(short);
}

/** The full names, for advice: `logging.handlers.RotatingFileHandler`. */
export const handlerNames: readonly string[] = [...handlerClasses.keys()].map((name) => {
  if (name === 'AdminEmailHandler') return `django.utils.log.${name}`;
  return /^(?:Stream|File|Null)Handler$/.test(name) ? `logging.${name}` : `logging.handlers.${name}`;
});

export type FormatterKind = 'template' | 'json' | 'server' | 'structlog';

const formatterClasses: ReadonlyMap<string, FormatterKind> = new Map([
  ['logging.Formatter', 'template'],
  ['django.utils.log.ServerFormatter', 'server'],
  ['pythonjsonlogger.jsonlogger.JsonFormatter', 'json'],
  ['pythonjsonlogger.json.JsonFormatter', 'json'],
  ['pythonjsonlogger.orjson.OrjsonFormatter', 'json'],
  ['pythonjsonlogger.msgspec.MsgspecFormatter', 'json'],
  ['structlog.stdlib.ProcessorFormatter', 'structlog'],
]);

export function kindOfFormatter(name: string): FormatterKind | undefined {
  return formatterClasses.get(name);
}

export const formatterNames: readonly string[] = [...formatterClasses.keys()];

export const filterNames: readonly string[] = [
  'django.utils.log.RequireDebugFalse',
  'django.utils.log.RequireDebugTrue',
  'django.utils.log.CallbackFilter',
  'logging.Filter',
];
