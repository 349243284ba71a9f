/** `debug`: every enabled call passes one shared function, whenever its logger was made. All is DEBUG. */
import { format, stripVTControlCharacters } from 'node:util';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isError } from '../src/logs/error-shape.ts';
import { severity } from '../src/logs/levels.ts';
import { type Bridge, idsText } from './bridge.ts';
import { override } from './override.ts';

/** Puts name, time and colours around the arguments, in place. */
type FormatArgs = (this: { readonly namespace: string }, args: unknown[]) => void;

export function debug(bridge: Bridge): Instrumentation {
  const undo: (() => void)[] = [];
  const patched = (original: FormatArgs): FormatArgs =>
    function (args) {
      bridge.guard(() => {
        const message = () => stripVTControlCharacters(format(...args));
        bridge.send(severity.DEBUG, () => ({
          message: message(),
          logger: this.namespace,
          error: args.find(isError),
        }));
      });
      original.call(this, args);
      const ids = bridge.ids();
      if (ids !== undefined) args.push(idsText(ids));
    };
  return {
    name: 'debug',
    modules: ['debug'],
    patch(exports) {
      undo.push(override<FormatArgs>(exports, 'formatArgs', patched));
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}
