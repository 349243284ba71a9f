/** bunyan 1 and 2, through the prototype of all its loggers: its records are objects until they are written. */

import type { Instrumentation } from '../src/instrumentation.ts';
import { jsonText } from '../src/logs/json-value.ts';
import { type Bridge, type Bridged, missingIds, restoredError, takeError } from './bridge.ts';
import { severityOfTens } from './bridge-levels.ts';
import { override } from './override.ts';

/** A fresh object per call, its serializers applied. */
type BunyanRecord = Record<string, unknown>;
type Emit = (this: object, record: BunyanRecord, noemit?: boolean) => string | undefined;

export function bunyan(bridge: Bridge): Instrumentation {
  const undo: (() => void)[] = [];
  const patched = (original: Emit): Emit =>
    function (record, noemit) {
      if (!noemit) {
        bridge.guard(() => {
          bridge.send(severityOfTens(Number(record.level)), () => understood(record));
          inject(record, bridge);
        });
      }
      return original.call(this, record, noemit);
    };
  return {
    name: 'bunyan',
    modules: ['bunyan'],
    patch(exports) {
      undo.push(override<Emit>(exports.prototype, '_emit', patched));
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}

/** What the app says by itself under these names stays. */
function inject(record: BunyanRecord, bridge: Bridge): void {
  Object.assign(
    record,
    missingIds(bridge.ids(), (name) => record[name] !== undefined),
  );
}

function understood(record: BunyanRecord): Bridged {
  const { name, hostname, pid, level, time, msg, v, ...fields } = record;
  const error = takeError(fields, ['err', 'error']) ?? restoredError(fields.err);
  if (error !== undefined && fields.err !== undefined) delete fields.err;
  return {
    message: typeof msg === 'string' ? msg : (jsonText(msg) ?? ''),
    logger: typeof name === 'string' ? name : undefined,
    fields,
    error,
    time: time instanceof Date ? time.getTime() : undefined,
  };
}
