/**
 * `tedious`, and what is built on it (`mssql`): one span per request, ended by the request's own callback. Connections
 * are opened in the root context; events and callback of a request run in the context of who asked.
 */
import type { Context } from '@opentelemetry/api';
import { activeContext, runIn } from '../src/context/context.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { type Method, openedByNobody } from './connection.ts';
import { type Database, type DatabaseCall, type DatabaseFault, databaseSensor } from './database.ts';
import { rememberedTarget, serverTarget } from './database-target.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';

/** What is read of a connection. */
interface Connection {
  readonly config?: {
    readonly server?: string;
    readonly options?: { readonly database?: string; readonly port?: number };
  };
}

/** What is read of a request. */
interface Request {
  readonly sqlTextOrProcedure?: unknown;
}

/** SQL Server by `tedious` 19 and 20, CommonJS and ES modules alike. */
export function tedious(): Instrumentation {
  const done = patches();
  return {
    name: 'tedious',
    modules: ['tedious'],
    patch(exports, _specifier, sensors) {
      done.once(exports.Connection?.prototype, (prototype) =>
        patchConnection(prototype, databaseSensor(sensors)),
      );
    },
    disable: done.undo,
  };
}

const targetOf = rememberedTarget(
  ({ config }: Connection) => config?.options?.database || undefined,
  ({ config }, namespace) =>
    serverTarget(
      { system: 'microsoft.sql_server', namespace, host: config?.server, port: config?.options?.port },
      1433,
    ),
);

function patchConnection(prototype: object, database: Database): (() => void)[] {
  const ask =
    (textOf: (asked: string) => string) =>
    (original: Method): Method =>
      function (this: Connection, request: Request, ...rest) {
        const asked = request?.sqlTextOrProcedure;
        if (typeof asked !== 'string') return original.call(this, request, ...rest);
        const caller = activeContext();
        const call = database.start(targetOf(this), textOf(asked), caller);
        follow(request, caller, call);
        return run(call, () => original.call(this, request, ...rest));
      };

  const transact =
    (statement: string) =>
    (original: Method): Method =>
      function (this: Connection, callback, ...rest) {
        if (typeof callback !== 'function') return original.call(this, callback, ...rest);
        const caller = activeContext();
        const call = database.start(targetOf(this), statement, caller);
        const answered = function (this: unknown, error: unknown, ...results: unknown[]): unknown {
          if (error) call?.fail(faultOf(error));
          else call?.end();
          return runIn(caller, () => callback.call(this, error, ...results));
        };
        return run(call, () => original.call(this, answered, ...rest));
      };

  const same = (text: string): string => text;
  return [
    override<Method>(prototype, 'connect', openedByNobody({ database, target: targetOf, fault: faultOf })),
    ...['execSql', 'execSqlBatch', 'execute'].map((name) => override<Method>(prototype, name, ask(same))),
    override<Method>(
      prototype,
      'callProcedure',
      ask((name) => `EXECUTE ${name}`),
    ),
    override<Method>(prototype, 'beginTransaction', transact('BEGIN TRANSACTION')),
    override<Method>(prototype, 'commitTransaction', transact('COMMIT TRANSACTION')),
    override<Method>(prototype, 'rollbackTransaction', transact('ROLLBACK TRANSACTION')),
    override<Method>(prototype, 'saveTransaction', transact('SAVE TRANSACTION')),
  ];
}

function run<T>(call: DatabaseCall | undefined, work: () => T): T {
  if (call === undefined) return work();
  try {
    return runIn(call.context, work);
  } catch (error) {
    call.fail(faultOf(error));
    throw error;
  }
}

/** A request may be executed again and again: each time ends with its callback, and leaves it as it was. */
function follow(request: object, caller: Context, call: DatabaseCall | undefined): void {
  let rows: number | undefined;
  const emit = override<Method>(request, 'emit', (original) => (event, ...values) => {
    if (event === 'columnMetadata') rows ??= 0;
    else if (event === 'row') rows = (rows ?? 0) + 1;
    return runIn(caller, () => original.call(request, event, ...values));
  });
  const callback = override<Method>(request, 'callback', (original) => (error, ...results) => {
    if (error) call?.fail(faultOf(error));
    else call?.end(rows);
    callback();
    emit();
    return runIn(caller, () => original.call(request, error, ...results));
  });
}

/** What the server answered has a number; its message may quote values of the app, so none is kept. */
function faultOf(error: any): DatabaseFault {
  const [first = error] = Array.isArray(error?.errors) ? error.errors : [];
  if (typeof first?.number === 'number')
    return { type: String(first.number), statusCode: String(first.number) };
  return { type: first?.code ?? first?.name ?? '_OTHER' };
}
