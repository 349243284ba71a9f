/** View engines: ejs, pug and handlebars, seen where a compiled template is called. They have log records, no spans. */
import type { Instrumentation } from '../src/instrumentation.ts';
import type { Method } from './connection.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';
import { told } from './template-log.ts';

/** ejs 3 to 7, pug 3 and handlebars 4, CommonJS and ES modules alike. */
export function templates(): Instrumentation {
  const done = patches();
  const engines: Readonly<Record<string, (exports: any) => (() => void)[]>> = { ejs, pug, handlebars };
  return {
    name: 'templates',
    modules: Object.keys(engines),
    takesNamespaces: true,
    patch(exports, specifier) {
      done.once(exports.default ?? exports, (engine) => engines[specifier]?.(engine) ?? []);
    },
    disable: done.undo,
  };
}

/** Includes are compiled by it, too. What is made for browsers is a text of its own. */
function ejs({ Template }: { readonly Template: { readonly prototype: object } }): (() => void)[] {
  const compile = (original: Method): Method =>
    function (this: { readonly opts?: { readonly client?: boolean; readonly filename?: string } }, ...args) {
      const template = original.apply(this, args);
      return this.opts?.client ? template : watched('ejs', template, this.opts?.filename);
    };
  return [override<Method>(Template.prototype, 'compile', compile)];
}

function pug(exports: object): (() => void)[] {
  const compile = (original: Method): Method =>
    function (this: unknown, text, options, ...rest) {
      return watched('pug', original.call(this, text, options, ...rest), options?.filename);
    };
  return [override<Method>(exports, 'compile', compile)];
}

/** Partials are compiled by it, too; `create` gives instances of their own. */
function handlebars(instance: object): (() => void)[] {
  const compile = (original: Method): Method =>
    function (this: unknown, ...args) {
      return watched('handlebars', original.apply(this, args));
    };
  const undo: (() => void)[] = [override<Method>(instance, 'compile', compile)];
  const create = (original: Method): Method =>
    function (this: unknown, ...args) {
      const made = original.apply(this, args);
      undo.push(override<Method>(made, 'compile', compile));
      return made;
    };
  const restoreAll = (): void => {
    for (const restore of undo) restore();
  };
  return [override<Method>(instance, 'create', create), restoreAll];
}

/** The same template to whoever looks at it: engines hang themselves onto theirs. */
function watched(engine: string, template: unknown, name?: string): unknown {
  if (typeof template !== 'function') return template;
  const rendered = function (this: unknown, variables: unknown, ...rest: unknown[]): unknown {
    const render = (given: unknown) => template.call(this, given, ...rest);
    return told({ engine, name, render }, variables);
  };
  return Object.defineProperties(rendered, Object.getOwnPropertyDescriptors(template));
}
