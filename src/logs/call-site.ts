/** Where the app called the logger; taken only where a format asks for it (A9). */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export interface CallSite {
  /** Absolute; empty when the call cannot be seen. */
  readonly pathname: string;
  readonly line: number;
  /** Empty at the top of a module. */
  readonly functionName: string;
}

const deepest = 40;
const nowhere: CallSite = { pathname: '', line: 0, functionName: '' };
const here = path.dirname(fileURLToPath(import.meta.url));
const base = path.basename(here) === 'logs' ? path.join(here, '..', '..') : here;
/** The folders of Sonde itself: sources as they are developed, or the one folder they are bundled into. */
const own: readonly string[] =
  base === here
    ? [path.basename(here) === 'parts' ? path.dirname(here) + path.sep : here + path.sep]
    : ['src', 'exporters', 'instrumentation'].map((folder) => path.join(base, folder) + path.sep);

/** The nearest caller outside Sonde, packages and Node. To be asked while the logging call is still running. */
export function callSite(): CallSite {
  return callSiteLater()();
}

/** The same, found out when the answer is asked for: that takes many times as long as to remember the call. */
export function callSiteLater(): () => CallSite {
  const call = remembered();
  return () => siteIn(String(call.stack));
}

/** The nearest frame of a stack that is outside Sonde, packages and Node. */
export function siteIn(stack: string): CallSite {
  for (const line of stack.split('\n').slice(1)) {
    const site = siteOf(line);
    if (site !== undefined && !isForeign(site.pathname)) return site;
  }
  return nowhere;
}

/** Its text is made when somebody reads it. */
function remembered(): Error {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = deepest;
  try {
    return new Error('call');
  } finally {
    Error.stackTraceLimit = before;
  }
}

function siteOf(line: string): CallSite | undefined {
  const found = /^\s+at (?:(?:async )?(.+?) \()?(.+?):(\d+):\d+\)?$/.exec(line);
  if (found === null) return undefined;
  const [, functionName = '', file = '', number] = found;
  const pathname = file.startsWith('file:') ? fileURLToPath(file) : file;
  return {
    pathname,
    line: Number(number),
    functionName: functionName === 'Object.<anonymous>' ? '' : functionName,
  };
}

function isForeign(file: string): boolean {
  if (file.startsWith('node:') || file.includes(`${path.sep}node_modules${path.sep}`)) return true;
  return own.some((folder) => file.startsWith(folder));
}
