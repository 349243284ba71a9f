/** `util.debuglog`, from its first call after Sonde on; a section that `NODE_DEBUG` does not name costs nothing. */
import { syncBuiltinESMExports } from 'node:module';
import { format } from 'node:util';
import type { Instrumentation } from '../src/instrumentation.ts';
import { isError } from '../src/logs/error-shape.ts';
import { severity } from '../src/logs/levels.ts';
import { type Bridge, idsText } from './bridge.ts';
import { override } from './override.ts';

type Print = (...args: unknown[]) => void;
type Debuglog = (section: string, callback?: (print: Print) => void) => Print & { readonly enabled: boolean };

export function debuglog(bridge: Bridge): Instrumentation {
  const undo: (() => void)[] = [];

  function bridged(print: Print, section: string): Print {
    return (...args) => {
      bridge.send(severity.DEBUG, () => ({
        message: format(...args),
        logger: section,
        error: args.find(isError),
      }));
      const ids = bridge.ids();
      print(...args, ...(ids === undefined ? [] : [idsText(ids)]));
    };
  }

  const patched =
    (original: Debuglog): Debuglog =>
    (section, callback) => {
      // The faster function that Node hands to the callback is behind the same bridge.
      const logger = original(section, callback && ((print) => callback(bridged(print, section))));
      if (!logger.enabled) return logger;
      const print = bridged(logger, section);
      return Object.defineProperty(print, 'enabled', { get: () => logger.enabled }) as ReturnType<Debuglog>;
    };

  return {
    name: 'debuglog',
    modules: ['node:util'],
    patch(exports) {
      undo.push(
        override<Debuglog>(exports, 'debuglog', patched),
        override<Debuglog>(exports, 'debug', patched),
      );
      syncBuiltinESMExports();
    },
    disable() {
      if (undo.length === 0) return;
      for (const restore of undo.splice(0)) restore();
      syncBuiltinESMExports();
    },
  };
}
