/** What the clients of Redis have in common: how a command is named and shown, and what its answer says. */
import type { Counter, Meter } from '@opentelemetry/api';
import type { SqlStatement } from '../src/processing/sql.ts';
import type { Opening } from './connection.ts';
import type { DatabaseCall, DatabaseFault, DatabaseTarget } from './database.ts';

/** Redis and what speaks its protocol: the conventions have one name for them. */
export const system = 'redis';

/** A name of the server's or of a module (`JSON.GET`); whatever else somebody sends is told as this. */
const other = 'OTHER';
const commandName = /^[A-Z][A-Z0-9_.-]{0,40}$/;
const mostKnown = 1_000;
const mostShown = 3;

const known = new Map<string, SqlStatement[]>();

/** A command as telemetry may show it: never an argument, since a key may name a person. Equal ones are one object. */
export function readCommand(name: unknown, argumentCount: number): SqlStatement {
  const shown = Math.min(argumentCount, mostShown + 1);
  const spelled = String(name);
  const found = known.get(spelled)?.[shown];
  return found ?? remember(spelled, shown);
}

function remember(spelled: string, shown: number): SqlStatement {
  const upper = spelled.toUpperCase();
  const operation = commandName.test(upper) && known.size < mostKnown ? upper : other;
  const key = operation === other ? other : spelled;
  const statements = known.get(key) ?? [];
  const values = shown > mostShown ? [' ?'.repeat(mostShown), ' ...'] : [' ?'.repeat(shown)];
  const statement = statements[shown] ?? {
    text: operation + values.join(''),
    operation,
    collection: undefined,
    summary: '',
  };
  statements[shown] = statement;
  known.set(key, statements);
  return statement;
}

export type BatchKind = 'PIPELINE' | 'MULTI';

const batches = new Map<string, SqlStatement>();

/** Several commands sent at once: `PIPELINE SET` where all of them are the same, else `PIPELINE`. */
export function readBatch(kind: BatchKind, names: readonly unknown[]): SqlStatement {
  const [first] = names;
  const isOne = first !== undefined && names.every((name) => name === first);
  const command = isOne ? readCommand(first, 0).operation : other;
  const operation = command === other ? kind : `${kind} ${command}`;
  const found = batches.get(operation) ?? { text: '', operation, collection: undefined, summary: '' };
  batches.set(operation, found);
  return found;
}

/** The first word of an answer that is an error: `WRONGTYPE`, `ERR`, `MOVED`. The rest may quote arguments. */
const prefix = /^[A-Z][A-Z0-9]+(?= )/;
const answers = new Set(['ReplyError', 'SimpleError', 'BlobError', 'ErrorReply']);

export function faultOf(error: unknown): DatabaseFault {
  const { code, name, message } = (error ?? {}) as Partial<Error> & { code?: unknown };
  const kind = (error as object | undefined)?.constructor?.name;
  const answered = answers.has(name ?? '') || answers.has(kind ?? '');
  const [status] = (answered && typeof message === 'string' && prefix.exec(message)) || [];
  if (status !== undefined) return { type: status, statusCode: status };
  return { type: typeof code === 'string' && code !== '' ? code : (kind ?? name ?? '_OTHER') };
}

/** Ends the call of several commands: it has failed when one of them has, with the first that did. */
export function endBatch(call: DatabaseCall, answers: unknown): void {
  const error = Array.isArray(answers) && answers.find((answer) => answer instanceof Error);
  if (error) call.fail(faultOf(error));
  else call.end();
}

const cluster: DatabaseTarget = { system };

/** How a cluster is opened: it is its servers, whichever of them answer. */
export const clusterOpening: Pick<Opening, 'target' | 'fault'> = {
  target: (): DatabaseTarget => cluster,
  fault: faultOf,
};

const lookups = new Set(['GET', 'GETEX', 'GETDEL', 'HGET', 'JSON.GET']);

/** Counts what lookups found and missed: `cache.hits` and `cache.misses` (row A58). */
export function cacheCounter(meter: Meter): (operation: string | undefined, answer: unknown) => void {
  const count = (name: string, description: string): Counter =>
    meter.createCounter(name, { unit: '{lookup}', description });
  const hits = count('cache.hits', 'Lookups that found a value.');
  const misses = count('cache.misses', 'Lookups that found none.');
  const attributes = { 'db.system.name': system };
  return (operation, answer) => {
    if (operation === undefined || !lookups.has(operation)) return;
    (answer === null || answer === undefined ? misses : hits).add(1, attributes);
  };
}
