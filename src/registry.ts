/**
 * OpenTelemetry's process-wide registrations: who holds them, whether ours were taken, and who tries later.
 * The API reports refusals only to its diagnostic logger, which nobody sets; so Sonde sets it and listens.
 */
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { followForeignContext } from './context/context.ts';
import { diagnostics } from './diagnostics.ts';
import { otherMajor } from './slot.ts';
import { VERSION } from './version.ts';

const key = Symbol.for('opentelemetry.js.api.1');
const names = ['trace', 'metrics', 'context', 'propagation', 'logs'] as const;
export type GlobalName = (typeof names)[number];

type Registry = { readonly version: string } & { [name in GlobalName | 'diag']?: object };
type Holder = { [key]?: Registry };
const holder = globalThis as Holder;

/** The registrations that are taken at this moment. */
export function heldGlobals(): GlobalName[] {
  const registry = holder[key];
  return registry === undefined ? [] : names.filter((name) => registry[name] !== undefined);
}

/**
 * Another SDK was there first: from now on its context counts, unless it brought none (an app that has set a meter
 * provider and nothing else). Said once, with its name.
 */
export function followHolder(): void {
  if (heldGlobals().includes('context')) followForeignContext();
  diagnostics.warnOnce(
    'foreign-before',
    'SONDE_ERR_FOREIGN_SDK',
    `${nameHolder()} holds OpenTelemetry's globals: Sonde ${VERSION} only logs, with that SDK's trace ids.`,
  );
}

/** A running Sonde of another major is like any other SDK, even for who only takes a logger and never calls `init`. */
export function followOtherMajor(): void {
  if (otherMajor() !== undefined && heldGlobals().includes('context')) followHolder();
}

/** For a message: which SDK holds the tracer or the context, as far as its objects tell. */
function nameHolder(): string {
  const major = otherMajor();
  if (major !== undefined) return `Sonde ${major}.x`;
  const held = holder[key];
  const proxy = held?.trace as { getDelegate?(): object } | undefined;
  const owner = proxy?.getDelegate?.() ?? held?.context ?? held?.metrics ?? held?.propagation;
  const known = findKnownSdk();
  return [owner?.constructor.name, known && `(${known})`, `API ${held?.version}`].filter(Boolean).join(' ');
}

const sdkPackage =
  /node_modules[\\/]((?:@opentelemetry[\\/](?:sdk-node|auto-instrumentations-node|sdk-trace-node)|dd-trace|newrelic|elastic-apm-node|@sentry[\\/]node|@elastic[\\/]opentelemetry-node|@splunk[\\/]otel))[\\/]/;

function findKnownSdk(): string | undefined {
  for (const file of Object.keys(loadedFiles())) {
    const found = sdkPackage.exec(file)?.[1];
    if (found !== undefined) return found.replace('\\', '/');
  }
  return undefined;
}

function loadedFiles(): object {
  return process.getBuiltinModule('node:module').createRequire(import.meta.url).cache;
}

/**
 * Prepares the registry for Sonde's own registrations. When an app's older API has set only a diagnostic logger, the
 * registry is locked to that version and would refuse ours without a word: it is made anew by our API, which older
 * copies accept, with the old logger still listening.
 */
export function claimRegistry(): void {
  const before = holder[key];
  const logger = new Watch(before?.diag as DiagLogger | undefined);
  if (before !== undefined) delete holder[key];
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
  const now = holder[key];
  if (before !== undefined && now !== undefined) keepOthers(before, now);
}

function keepOthers(before: Registry, now: Registry): void {
  for (const name of names) if (before[name] !== undefined) now[name] = before[name];
  if (before.version === now.version) return;
  diagnostics.info(
    `Two copies of @opentelemetry/api: an app's package set a diagnostic logger through ${before.version}, ` +
      `Sonde registers through ${now.version}; both work together.`,
  );
}

interface ApiCopy {
  readonly trace?: { getTracerProvider(): object };
}

/**
 * Lets a newer copy of the API, just loaded by the app, see what ours registered. It refuses an older registry, so
 * the registry takes its version. Said once, since a method that only the newer API knows would be missing.
 */
export function admitCopy(copy: ApiCopy): void {
  const registry = holder[key];
  if (registry?.trace === undefined || sees(copy, registry)) return;
  const [major, minor] = registry.version.split('.').map(Number);
  // The copy does not tell its version, only whether it accepts one.
  for (let next = minor! + 1; next <= minor! + 50; next++) {
    const version = `${major}.${next}.0`;
    holder[key] = Object.defineProperty({ ...registry }, 'version', { value: version, enumerable: true });
    if (!sees(copy, registry)) continue;
    diagnostics.warnOnce(
      `api ${version}`,
      'SONDE_ERR_API_VERSION',
      `The app loaded @opentelemetry/api ${version}, Sonde registered through ${registry.version}; both share one registry now.`,
    );
    return;
  }
  holder[key] = registry;
}

function sees(copy: ApiCopy, registry: Registry): boolean {
  return copy.trace?.getTracerProvider() === registry.trace;
}

let starting = false;

/** Refusals that Sonde's own start provokes are expected. */
export function whileStarting<T>(fn: () => T): T {
  starting = true;
  try {
    return fn();
  } finally {
    starting = false;
  }
}

const refusal = /(?:duplicate registration of API: |of version v\S+ for )(\w+)/;

/** Hears what the API says to its diagnostic logger; passes everything on to the logger that was there before. */
class Watch implements DiagLogger {
  readonly #before: DiagLogger | undefined;
  constructor(before: DiagLogger | undefined) {
    this.#before = before;
  }
  error(message: string, ...rest: unknown[]): void {
    this.#before?.error(message, ...rest);
    if (starting) return;
    const refused = refusal.exec(message)?.[1];
    if (refused !== undefined) reportRefusal(message);
    else reportTrouble(message, rest);
  }
  warn(message: string, ...rest: unknown[]): void {
    this.#before?.warn(message, ...rest);
    if (!starting) diagnostics.debug(`OpenTelemetry says: ${firstLine(message)}`);
  }
  info(message: string, ...rest: unknown[]): void {
    this.#before?.info(message, ...rest);
  }
  debug(message: string, ...rest: unknown[]): void {
    this.#before?.debug(message, ...rest);
  }
  verbose(message: string, ...rest: unknown[]): void {
    this.#before?.verbose(message, ...rest);
  }
}

const firstLine = (text: string) => String(text).split('\n', 1)[0]!.slice(0, 300);

const ids = /\b[\da-f]{16,32}\b/g;

/** A part says its own name first. Ids change from one time to the next, but what is said is the same. */
function reportTrouble(message: string, rest: readonly unknown[]): void {
  const said = [message, ...rest].map((each) => (each instanceof Error ? each.message : each));
  const text = firstLine(said.filter((each) => typeof each === 'string').join(' '));
  diagnostics.warnOnce(`diag ${text.replace(ids, '')}`, 'SONDE_ERR_OTEL', `OpenTelemetry says: ${text}`);
}

/** The refused one shows in the stack that the API hands over: the first frame outside OpenTelemetry is the app's. */
function reportRefusal(stack: string): void {
  const frames = stack
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
  const caller = frames.find((line) => !/node_modules[\\/]@opentelemetry|node:|[\\/]api\.cjs/.test(line));
  const sdk = frames.map((line) => sdkPackage.exec(line)?.[1]).find(Boolean) ?? 'Another OpenTelemetry SDK';
  const place = caller?.replace(/^at (?:.*\()?/, '').replace(/\)$/, '') ?? 'an unknown place';
  diagnostics.warnOnce(
    'foreign-after',
    'SONDE_ERR_FOREIGN_SDK',
    `${sdk} was started after Sonde, at ${place}; OpenTelemetry's API keeps the first, so that SDK gets nothing.`,
  );
}
