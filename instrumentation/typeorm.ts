/** TypeORM: the statements of its drivers are told with the entity and the method that asked for them. */
import type { Instrumentation } from '../src/instrumentation.ts';
import type { Method } from './connection.ts';
import { asOperation, asOperations } from './orm-operation.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';

interface Class {
  readonly prototype: object;
}

interface Entities {
  hasMetadata(target: unknown): boolean;
  getMetadata(target: unknown): { readonly name: string };
}

interface Manager {
  readonly dataSource?: Entities;
  /** What 0.3 calls it. */
  readonly connection?: Entities;
}

interface Builder {
  readonly expressionMap: {
    /** `select`, `insert`, `soft-delete`. */
    readonly queryType: string;
    readonly mainAlias?: { readonly hasMetadata: boolean; readonly metadata: { readonly name: string } };
  };
}

/** Repositories and active records ask the manager. */
const ofManagers =
  'save remove softRemove recover insert upsert update updateAll delete deleteAll softDelete restore exists existsBy count countBy sum average minimum maximum find findBy findAndCount findAndCountBy findOne findOneBy findOneOrFail findOneByOrFail clear increment decrement';
const ofSelections =
  'getRawOne getRawMany getRawAndEntities getOne getOneOrFail getMany getCount getExists getManyAndCount stream';

/** TypeORM 1, CommonJS and ES modules alike. */
export function typeorm(): Instrumentation {
  const done = patches();
  return {
    name: 'typeorm',
    modules: ['typeorm'],
    patch(exports: Record<string, Class | undefined>) {
      done.once(exports.EntityManager?.prototype, (manager) =>
        asOperations(manager, ofManagers.split(' '), targetOf),
      );
      done.once(exports.SelectQueryBuilder?.prototype, (builder) =>
        asOperations(builder, ofSelections.split(' '), entityOf),
      );
      for (const kind of ['Insert', 'Update', 'Delete']) {
        done.once(exports[`${kind}QueryBuilder`]?.prototype, (builder) => [
          override<Method>(builder, 'execute', executing),
        ]);
      }
    },
    disable: done.undo,
  };
}

/** A class, a schema or a name; or, of `save` and its like, one entity or many. */
function targetOf({ dataSource, connection }: Manager, [first]: readonly any[]): string | undefined {
  const entities = dataSource ?? connection;
  const entity = Array.isArray(first) ? first[0] : first;
  const targets = [first, entity?.constructor];
  const target = targets.find((each) => each && entities?.hasMetadata(each) === true);
  return target === undefined ? undefined : entities?.getMetadata(target).name;
}

function entityOf({ expressionMap: { mainAlias } }: Builder): string | undefined {
  return mainAlias?.hasMetadata ? mainAlias.metadata.name : undefined;
}

function executing(original: Method): Method {
  return function (this: Builder, ...args) {
    const entity = entityOf(this);
    const name = entity === undefined ? undefined : `${entity}.${this.expressionMap.queryType}`;
    return asOperation(name, () => original.apply(this, args));
  };
}
