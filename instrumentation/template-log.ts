/** What Django logs of its templates (A48): each rendering, and each variable that it lacks, at DEBUG by `sonde.template`. */
import { activeContext } from '../src/context/context.ts';
import { severity } from '../src/logs/levels.ts';
import { emitOwn } from '../src/logs/own-record.ts';
import { nodeOf } from '../src/logs/tree.ts';

/** One rendering. */
export interface Rendering {
  readonly engine: string;
  /** The template's file, where it has one. */
  readonly name?: string;
  /** Renders with these variables. */
  render(variables: unknown): unknown;
}

const node = nodeOf('sonde.template');
/** Of one rendering; a list of rows may lack the same in each. */
const mostMissing = 20;

/** Renders, and tells of it where somebody listens. What is rendered or thrown goes on as it is. */
export function told(rendering: Rendering, variables: unknown): unknown {
  if (node.threshold > severity.DEBUG) return rendering.render(variables);
  const missing = new Set<string>();
  const start = performance.now();
  const failed = (error: unknown): never => {
    const name = undefinedName(error);
    if (name !== undefined) missing.add(name);
    tell(rendering, missing, start, error);
    throw error;
  };
  let result: unknown;
  try {
    result = rendering.render(watched(variables, missing));
  } catch (error) {
    return failed(error);
  }
  const done = <T>(value: T): T => {
    tell(rendering, missing, start);
    return value;
  };
  return result instanceof Promise ? result.then(done, failed) : done(result);
}

/** The same variables, which note what is asked of them and not there. Objects of classes stay as they are. */
function watched(variables: unknown, missing: Set<string>): unknown {
  if (!isPlain(variables)) return variables;
  const note = (name: string | symbol, isThere: boolean): boolean => {
    const isMissing = !isThere && typeof name === 'string' && !(name in globalThis);
    if (isMissing && missing.size < mostMissing) missing.add(name);
    return isThere;
  };
  return new Proxy(variables, {
    has: (target, name) => note(name, Reflect.has(target, name)),
    get(target, name, receiver) {
      note(name, Reflect.has(target, name));
      return Reflect.get(target, name, receiver);
    },
  });
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/** Of a template in whose scope a name means nothing. */
function undefinedName(error: unknown): string | undefined {
  if (!(error instanceof ReferenceError)) return undefined;
  return /([\w$]{1,100}) is not defined$/.exec(error.message)?.[1];
}

function tell(
  { engine, name }: Rendering,
  missing: ReadonlySet<string>,
  start: number,
  error?: unknown,
): void {
  const millis = Math.round((performance.now() - start) * 100) / 100;
  const fields = { 'template.engine': engine, ...(name !== undefined && { 'template.name': name }) };
  const shown = name ?? `a template of ${engine}`;
  for (const variable of missing) {
    write(`Variable ${variable} is missing in ${shown}`, { ...fields, 'template.variable': variable });
  }
  const type = error instanceof Error ? error.name : '_OTHER';
  const outcome = error === undefined ? {} : { 'error.type': type };
  const verb = error === undefined ? 'Rendered' : 'Failed to render';
  write(`${verb} ${shown} in ${millis} ms`, { ...fields, duration_ms: millis, ...outcome });
}

function write(message: string, fields: Readonly<Record<string, unknown>>): void {
  emitOwn({ logger: node.name, level: 'DEBUG', message, fields, context: activeContext() });
}
