/**
 * `console` by Node's own channels: nothing is replaced, and the printed line stays as it is unless ids are asked
 * for. What another bridge's library prints through it is heard once, from that library.
 */
import diagnosticsChannel from 'node:diagnostics_channel';
import { fileURLToPath } from 'node:url';
import { type CallSiteObject, format, getCallSites } from 'node:util';
import { activeContext } from '../src/context/context.ts';
import { stampOf } from '../src/context/correlation.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isError } from '../src/logs/error-shape.ts';
import { severity } from '../src/logs/levels.ts';
import { isTold, isToldText } from '../src/logs/sightings.ts';
import { type Bridge, type Bridged, idsText } from './bridge.ts';

const levels = {
  log: severity.INFO,
  info: severity.INFO,
  debug: severity.DEBUG,
  warn: severity.WARN,
  error: severity.ERROR,
};

/** The list of arguments that is about to be printed. */
type Listener = (args: unknown) => void;

/** `log` and `info` are INFO, `trace` is ERROR as its stream says, `assert` is WARN, `table` is INFO. */
export function consoleBridge(bridge: Bridge): Instrumentation {
  const listeners = new Map<string, Listener>();
  return {
    name: 'console',
    modules: [],
    enable() {
      for (const [method, level] of Object.entries(levels)) {
        const listener: Listener = (args) => bridge.guard(() => hear(args as unknown[], level, bridge));
        listeners.set(`console.${method}`, listener);
        diagnosticsChannel.subscribe(`console.${method}`, listener);
      }
    },
    disable() {
      for (const [channel, listener] of listeners) diagnosticsChannel.unsubscribe(channel, listener);
      listeners.clear();
    },
  };
}

function hear(args: unknown[], level: number, bridge: Bridge): void {
  if (bridge.wants(level)) {
    // Here, where the stack is at its shortest.
    const place = placeOf();
    bridge.send(level, () => {
      const record = understood(args, place);
      return isToldByPackage(record) ? undefined : record;
    });
  }
  const ids = bridge.ids();
  if (ids === undefined) return;
  const [line] = args;
  if (args.length === 1 && typeof line === 'string' && /^\{".*\}$/s.test(line)) {
    args[0] = `${line.slice(0, -1)},${JSON.stringify(ids).slice(1)}`;
  } else args.push(idsText(ids));
}

function understood(args: readonly unknown[], place: Record<string, unknown> | undefined): Bridged {
  const error = args.find(isError);
  const told = args.map((part) => (isError(part) ? part.message : part));
  return { message: format(...told), fields: place, error };
}

/**
 * What Express prints of an error that nobody handled, and which has its record already (A70). The app's own words are
 * never taken from it.
 */
function isToldByPackage({ error, message, fields }: Bridged): boolean {
  if (!String(fields?.['code.file.path']).includes('node_modules')) return false;
  const { traceId } = stampOf(activeContext());
  return error === undefined ? isToldText(message, traceId) : isTold(error, traceId);
}

/** Each frame costs: nearly every call is found among the first, and that of `console.table` among the others. */
const frames = [9, 20] as const;

/** The file that called: the first frame behind those of Node's console. */
function placeOf(): Record<string, unknown> | undefined {
  const site = callerAmong(frames[0]) ?? callerAmong(frames[1]);
  if (site === undefined) return undefined;
  const { scriptName, lineNumber } = site;
  const path = scriptName.startsWith('file:') ? fileURLToPath(scriptName) : scriptName;
  return { 'code.file.path': path, 'code.line.number': lineNumber };
}

function callerAmong(count: number): CallSiteObject | undefined {
  const sites = getCallSites(count);
  const at = sites.findLastIndex(({ scriptName }) => scriptName.startsWith('node:internal/console'));
  return at < 0 ? undefined : sites[at + 1];
}
