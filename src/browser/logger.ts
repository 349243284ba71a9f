/** The logger where there is no Node.js: the same calls, printed by the console. */
import type { Level } from '../logs/levels.ts';
import type { Fields, Logger, LogMethod } from '../logs/logger.ts';
import type { ModuleLike } from '../logs/module-name.ts';
import { understand } from './call.ts';

// By number. `console.trace` would print a stack.
const printers = ['debug', 'debug', 'info', 'warn', 'error', 'error'] as const;
const numbers: Readonly<Record<string, number>> = {
  ...{ trace: 0, debug: 1, info: 2, warn: 3, warning: 3, error: 4, fatal: 5, critical: 5 },
  off: 6,
};
const INFO = 2;
const WARN = 3;
const ERROR = 4;
const OFF = 6;

const levels = new Map<string, number>();

function numberOf(level: unknown): number | undefined {
  return numbers[`${level}`.toLowerCase()];
}

/** The level in force: the name's own, or that of the nearest name above it. */
function threshold(name: string): number {
  return levels.get(name) ?? (name ? threshold(name.replace(/\.?[^.]*$/, '')) : INFO);
}

export function setLevel(name: string, level: Level | 'off' | undefined): void {
  const number = numberOf(level);
  if (number !== undefined) levels.set(name, number);
  else if (!level) levels.delete(name);
}

function write(number: number, name: string, args: readonly unknown[], bound: Fields): void {
  if (number < threshold(name)) return;
  try {
    const { message, values, fields, error } = understand(args, bound);
    const text = name ? `[${name}] ${message}` : message;
    const said = values.length ? [text, ...values] : ['%s', text];
    if (Object.keys(fields).length) said.push(fields);
    if (error) said.push(error);
    console[printers[number]!](...said);
  } catch {
    // A getter of the caller's that throws, or no console: a logging call never throws.
  }
}

function loggerOf(name: string, bound: Fields): Logger {
  const log = (number: number, ...args: readonly unknown[]): void => write(number, name, args, bound);
  const child = (fields: Fields): Logger => loggerOf(name, { ...bound, ...fields });
  const logger: Record<string, unknown> = {
    name,
    get level() {
      return Object.keys(numbers).find((level) => numbers[level] === threshold(name));
    },
    set level(level) {
      setLevel(name, level as Level);
    },
    log: (level: Level, ...args: readonly unknown[]) => log(numberOf(level) ?? INFO, ...args),
    exception: (error: unknown, ...args: readonly unknown[]) =>
      log(error instanceof Error ? ERROR : WARN, error, ...args),
    event: log.bind(0, INFO),
    with: child,
    child,
    bind: child,
    isEnabled: (level: Level) => numberOf(level)! >= threshold(name) && numberOf(level)! < OFF,
  };
  for (const level in numbers) logger[level] ??= log.bind(0, numbers[level]!) satisfies LogMethod;
  return logger as unknown as Logger;
}

const loggers = new Map<string, Logger>();

/** Files are the bundle's here, so a module has no name: give one. */
export function getLogger(name: string | ModuleLike = ''): Logger {
  const text = typeof name === 'string' ? name : 'app';
  if (!loggers.has(text)) loggers.set(text, loggerOf(text, {}));
  return loggers.get(text)!;
}
