/** Sequelize: the statements of its drivers are told with the model and the method that asked for them. */
import type { Instrumentation } from '../src/instrumentation.ts';
import { asOperations } from './orm-operation.ts';
import { patches } from './patches.ts';

interface Model {
  readonly name: string;
  readonly prototype: object;
}

const ofModels =
  'findAll findByPk findOne findAndCountAll findOrCreate findCreateFind count max min sum create upsert bulkCreate truncate destroy restore update increment decrement';
const ofInstances = 'save reload update destroy restore increment decrement';

/** Sequelize 6, CommonJS and ES modules alike. */
export function sequelize(): Instrumentation {
  const done = patches();
  return {
    name: 'sequelize',
    modules: ['sequelize'],
    patch(exports: { readonly Model?: Model }) {
      done.once(exports.Model, (model) => [
        ...asOperations(model, ofModels.split(' '), ({ name }: Model) => name),
        ...asOperations(model.prototype, ofInstances.split(' '), (instance) => instance.constructor.name),
      ]);
    },
    disable: done.undo,
  };
}
