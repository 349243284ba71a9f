/**
 * Which log records a request gives (A70). Always one of `access`. A 4xx is a WARN of `sonde.request` and a 5xx an
 * ERROR, with what was thrown; one that a security record tells of is told there only.
 */
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Context } from '@opentelemetry/api';
import type { Config } from '../src/config/config.ts';
import { stampOf } from '../src/context/correlation.ts';
import { describeError } from '../src/logs/error-shape.ts';
import { type LevelName, severity } from '../src/logs/levels.ts';
import { emitOwn } from '../src/logs/own-record.ts';
import { reportError } from '../src/logs/report.ts';
import { securityLogger } from '../src/logs/security.ts';
import { nodeOf } from '../src/logs/tree.ts';
import { accessLog } from './access-log.ts';
import { headerChecks, securityKindOf, writeSecurity } from './security-records.ts';
import { type ServedRequest, type UserFinder, userIdBy } from './served-request.ts';

type Fields = Readonly<Record<string, unknown>>;

const node = nodeOf('sonde.request');

/** Who reports on requests, made once for a configuration. */
export interface RequestRecords {
  readonly userIdOf: UserFinder;
  /** To be called when a request begins; gives back whether its host is none of the app's. */
  readonly checkHeaders: (request: IncomingMessage, context: Context) => boolean;
  /** To be called once for each request that has ended. */
  write(served: ServedRequest): void;
}

export function requestRecords(config: Config): RequestRecords {
  const writeAccess = accessLog(config);
  return {
    userIdOf: userIdBy(config.user),
    checkHeaders: headerChecks(config),
    write(served) {
      writeFault(served);
      writeAccess?.(served);
    },
  };
}

function writeFault(served: ServedRequest): void {
  const { status, error, activity } = served;
  if (status === undefined ? error === undefined : status < 400) return;
  const isServers = status === undefined || status >= 500;
  const kind = securityKindOf(error);
  if (kind !== undefined) writeSecurityFault(served, kind, isServers);
  else if (activity.security === undefined || isServers) {
    if (isServers && error !== undefined) reportError({ ...factsOf(served), error });
    else emitFault(factsOf(served), isServers ? 'ERROR' : 'WARN');
  }
}

/** WARN where the app or its framework knew an answer, ERROR where the last handler had to take it. */
function writeSecurityFault(served: ServedRequest, kind: string, isServers: boolean): void {
  const { fields, context, message } = factsOf(served);
  const { error } = served;
  if (isServers) reportError({ logger: securityLogger(kind), message, fields, context, error });
  else writeSecurity(kind, describeError(error).message || message, fields, context);
}

interface Facts {
  readonly logger: string;
  readonly message: string;
  readonly fields: Fields;
  readonly context: Context;
}

function factsOf({ context, method, path, route, status, userId }: ServedRequest): Facts {
  const reason = status === undefined ? 'Aborted' : (STATUS_CODES[status] ?? `Status ${status}`);
  const isBound = stampOf(context).attributes?.['user.id'] !== undefined;
  const fields = {
    'http.request.method': method,
    'url.path': path,
    ...(route !== undefined && { 'http.route': route }),
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...(userId !== undefined && !isBound && { 'user.id': String(userId) }),
  };
  return { logger: node.name, message: `${reason}: ${path}`, fields, context };
}

function emitFault(facts: Facts, level: LevelName): void {
  if (severity[level] >= node.threshold) emitOwn({ ...facts, level });
}
