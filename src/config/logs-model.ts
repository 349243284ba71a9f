/** What goes where (A4 to A12), with the console and the log file that are there by default. */
import type { FileHandler, HandlerOptions, LoggerOptions, LogsModel } from '../logs/model.ts';
import { namesApart } from '../logs/tree.ts';
import { isPlain } from './collections.ts';
import type { Config, LogsOptions } from './config.ts';

type Logs = Config['logs'];
type Part = Readonly<Record<string, unknown>>;
type Handlers = Readonly<Record<string, HandlerOptions>>;

const empty = (section: object): boolean => Object.keys(section).length === 0;

/**
 * The model to be put in force; `undefined` where nobody said anything of it: then the printers of `init` have it all.
 * Without `handlers` anywhere, they keep what is the root's.
 */
export function modelOf({ logs, alerts }: Pick<Config, 'logs' | 'alerts'>): LogsModel | undefined {
  const { formatters, filters, handlers, loggers, root } = logs;
  if ([formatters, filters, handlers, loggers, root].every(empty)) return undefined;
  const isRouted = !empty(handlers) || [root, ...Object.values(loggers)].some((logger) => logger?.handlers);
  if (!isRouted) return { formatters, filters, loggers, root };
  const all: Handlers = {
    ...(isAlerting({ logs, alerts }) && { alerts: { type: 'alerts' } }),
    ...{ ...handlers, ...completed(logs) },
  };
  return {
    ...{ formatters, filters, handlers: all },
    loggers: { ...loggers, ...Object.fromEntries(namesApart.map((name) => [name, withRoot(loggers[name])])) },
    root: { ...root, handlers: root.handlers ?? rootHandlers(all, loggers) },
  };
}

/** Whether alerts have somewhere to go, and no handler that takes them there. */
export function isAlerting({ logs, alerts }: Pick<Config, 'logs' | 'alerts'>): boolean {
  const { adminEmails, email, webhook, file, transport } = alerts;
  if (adminEmails.length === 0 && !email && !webhook && !file && !transport) return false;
  return !logs.off && !Object.entries(logs.handlers).some(([name, part]) => isOfAlerts(name, part as Part));
}

function isOfAlerts(name: string, { type, class: python, '()': factory }: Part): boolean {
  const kinds = ['alerts', 'mail'];
  if (kinds.includes(name) || kinds.includes(String(type))) return true;
  return /AdminEmailHandler$/.test(String(python ?? factory));
}

/** Who says where records go means those of requests, too. */
function withRoot(said: LoggerOptions = {}): LoggerOptions {
  return { propagate: said.handlers === undefined, ...said };
}

/** The handlers that are there by themselves, with what is said of them laid over. */
function completed({ console, file, handlers }: Logs): Handlers {
  const all: Record<string, HandlerOptions> = {};
  if (console === 'off') all.console = { type: 'null' };
  else all.console = laidOver({ type: 'console' }, handlers.console);
  const { path, maxBytes, backups: backupCount } = file;
  const base: FileHandler = { type: 'file', ...(path !== undefined && { path }), maxBytes, backupCount };
  if (path !== undefined || handlers.file !== undefined) all.file = laidOver(base, handlers.file);
  return all;
}

function laidOver(base: HandlerOptions, said: HandlerOptions | undefined): HandlerOptions {
  if (!isPlain(said)) return said ?? base;
  const isOther = ['()', 'use', 'class', 'write', 'emit'].some((key) => said[key] !== undefined);
  const isSameKind = said.type === undefined || said.type === (base as Part).type;
  return isOther || !isSameKind ? said : ({ ...base, ...said } as HandlerOptions);
}

/** Everything that writes and that nobody else names; the console and the log file in any case. */
function rootHandlers(handlers: Handlers, loggers: Logs['loggers']): string[] {
  const named = new Set(Object.values(loggers).flatMap((logger: LoggerOptions) => logger?.handlers ?? []));
  const targets = new Set(Object.values(handlers).map((part) => (part as Part).target));
  return Object.keys(handlers).filter((name) => {
    const isSilent = (handlers[name] as Part).type === 'null' || name === 'null';
    const isTaken = targets.has(name) || (named.has(name) && name !== 'console' && name !== 'file');
    return !isSilent && !isTaken;
  });
}

/** What the function of somebody who wants to decide it all is given, and makes of it. */
export function answeredLogs(ask: (defaults: LogsOptions) => unknown, logs: Logs): LogsOptions | false {
  const { off: _, handlers, ...rest } = logs;
  const answer = ask({ ...rest, handlers: { ...handlers, ...completed(logs) } });
  if (answer === false || !isPlain(answer)) return answer as false;
  return { ...answer, handlers: withoutDefaults(answer.handlers) };
}

/** What a function leaves out is not there: nothing is laid under its answer. */
function withoutDefaults(handlers: unknown): LogsOptions['handlers'] {
  if (handlers !== undefined && !isPlain(handlers)) return handlers as never;
  return { console: { type: 'null' }, file: { type: 'null' }, ...handlers };
}
