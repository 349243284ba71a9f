/** Whether somebody else writes an access line for a request already: two lines a request are one too many (A70). */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { diagnostics } from '../src/diagnostics.ts';
import type { ServedRequest } from './served-request.ts';

/** What the others leave behind on the messages. */
type Marked = Partial<Record<'_remoteAddress' | '_routeWhitelists', unknown>>;
type MarkedResponse = ServerResponse & { readonly allLogs?: unknown };

const loggedBy: unique symbol = Symbol('sonde.logged-by');

/** For the plug of a framework that logs requests by itself. */
export function markLogged(request: IncomingMessage, name: string): void {
  (request as { [loggedBy]?: string })[loggedBy] = name;
}

let pinoHttpLogs = false;

/** Tells once who writes instead of Sonde. */
export function otherAccessLog({ request, response }: ServedRequest): boolean {
  const name = response === undefined ? undefined : otherLogger(request, response);
  if (name === undefined) return false;
  diagnostics.infoOnce(
    `access-log ${name}`,
    `${name} writes an access line for each request, so Sonde's own access log stands aside.`,
  );
  return true;
}

function otherLogger(request: IncomingMessage, response: MarkedResponse): string | undefined {
  const marks = request as Marked & { readonly [loggedBy]?: string };
  if (marks[loggedBy] !== undefined) return marks[loggedBy];
  if (marks._routeWhitelists !== undefined) return 'express-winston';
  if ('_remoteAddress' in marks && '_startAt' in response) return 'morgan';
  return Array.isArray(response.allLogs) && logsByPinoHttp(response) ? 'pino-http' : undefined;
}

/** Without `autoLogging` it only lends loggers; with it, it still leaves out what it was told to ignore. */
function logsByPinoHttp(response: ServerResponse): boolean {
  pinoHttpLogs ||= response.listeners('finish').some((listener) => listener.name === 'onResponseComplete');
  return pinoHttpLogs;
}
