/** Which handlers a record meets on its way up the tree, and what their filters make of it (A2, A4, A5). */
import { diagnostics } from '../diagnostics.ts';
import type { Destination, Filter, Handler } from './handler.ts';
import type { LogRecord } from './record.ts';
import { type LoggerNode, type NodeSettings, standsApart } from './tree.ts';

/** Takes records and does nothing: silence that is meant (A18). Known by being this very object. */
export const nullDestination: Destination = { write: () => undefined };

/** The way of the records of one name. */
export interface Route {
  /** Those of the node first, then those of its ancestors. */
  readonly handlers: readonly Handler[];
  /** The root has no handlers of its own and is reached by records that met none before: the printers of `init`. */
  readonly defaults: boolean;
  /** Whether anybody but the null handler is met, whatever his level and filters: OTLP takes what others take. */
  readonly reached: boolean;
}

/** Kept under the settings that made it, which are replaced as a whole. */
const routes = new WeakMap<LoggerNode, { readonly path: readonly NodeSettings[]; readonly route: Route }>();

/** The way from this node up to the root, or to the first node that does not propagate. */
export function routeOf(node: LoggerNode): Route {
  const known = routes.get(node);
  if (known !== undefined && isCurrent(node, known.path)) return known.route;
  const path: NodeSettings[] = [];
  const handlers: Handler[] = [];
  let defaults = false;
  for (let at: LoggerNode | undefined = node; at !== undefined; at = at.parent) {
    path.push(at.settings);
    handlers.push(...(at.settings.handlers ?? []));
    const isApart = at.settings.propagate === undefined && standsApart(at.name);
    const isLast = isApart || at.parent === undefined;
    if (at.settings.propagate === false) break;
    defaults = isLast && at.settings.handlers === undefined && handlers.length === 0;
    if (isApart) break;
  }
  const reached = defaults || handlers.some((handler) => handler.destination !== nullDestination);
  const route = { handlers, defaults, reached };
  routes.set(node, { path, route });
  return route;
}

function isCurrent(node: LoggerNode, path: readonly NodeSettings[]): boolean {
  let at: LoggerNode | undefined = node;
  for (const settings of path) {
    if (at?.settings !== settings) return false;
    at = at.parent;
  }
  return true;
}

/** What the filters make of a record, in order; `undefined` when one stops it. */
export function filtered(record: LogRecord, filters: readonly Filter[] = []): LogRecord | undefined {
  let current = record;
  for (const filter of filters) {
    const answer = answerOf(filter, current);
    if (answer === false) return undefined;
    if (answer !== true) current = answer;
  }
  return current;
}

/** Python's filters answer with anything: what is falsy stops the record. */
function answerOf(filter: Filter, record: LogRecord): boolean | LogRecord {
  try {
    const answer = filter(record);
    return typeof answer === 'object' && answer !== null ? answer : Boolean(answer);
  } catch {
    diagnostics.count('logs.filter_errors');
    diagnostics.warnOnce('logs.filter', 'SONDE_ERR_SINK', 'A log filter threw; what it throws at passes.');
    return true;
  }
}
