/**
 * `console` by Node's own channels: nothing is replaced, and the printed line stays as it is unless ids are asked
 * for. What another bridge's library prints through it is heard once, from that library.
 */
import diagnosticsChannel from 'node:diagnostics_channel';
import { fileURLToPath } from 'node:url';
import { format, getCallSites } from 'node:util';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isError } from '../src/logs/error-shape.ts';
import { severity } from '../src/logs/levels.ts';
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
  bridge.send(level, () => understood(args));
  const ids = bridge.ids();
  if (ids === undefined) return;
  const [line] = args;
  if (args.length === 1 && typeof line === 'string' && /^\{".*\}$/s.test(line)) {
    args[0] = `${line.slice(0, -1)},${JSON.stringify(ids).slice(1)}`;
  } else args.push(idsText(ids));
}

function understood(args: readonly unknown[]): Bridged {
  const error = args.find(isError);
  const told = args.map((part) => (isError(part) ? part.message : part));
  return { message: format(...told), fields: placeOf(), error };
}

/** The file that called: the first frame behind those of Node's console. */
function placeOf(): Record<string, unknown> | undefined {
  const sites = getCallSites(20);
  const at = sites.findLastIndex(({ scriptName }) => scriptName.startsWith('node:internal/console'));
  const site = at < 0 ? undefined : sites[at + 1];
  if (site === undefined) return undefined;
  const { scriptName, lineNumber } = site;
  const path = scriptName.startsWith('file:') ? fileURLToPath(scriptName) : scriptName;
  return { 'code.file.path': path, 'code.line.number': lineNumber };
}
