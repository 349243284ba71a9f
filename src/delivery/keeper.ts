/** Opens the spool, looks after it, and hands over what earlier processes left. A part of its own: few have a spool. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Signal } from '../config/config.ts';
import { rootContext, runIn } from '../context/context.ts';
import { suppressed } from '../context/suppression.ts';
import { diagnostics } from '../diagnostics.ts';
import type { Books } from './books.ts';
import { diskTrouble } from './disk-trouble.ts';
import { beatMillis, type Home, openHome } from './home.ts';
import type { Outbox } from './outbox.ts';
import { signalOf } from './parcel.ts';
import { Spool } from './spool.ts';

export interface KeeperParts {
  /** As configured; anybody may own it. */
  readonly dir: string;
  /** What one process leaves goes to the next one of the same service. */
  readonly service: string;
  readonly maxBytes: number;
  readonly outbox: Outbox;
  readonly books: Books;
  /** Something of an earlier process is in the outbox. */
  onAdopted(): void;
}

export interface SpoolState {
  readonly bytes: number;
  /** Why it is out of use, if it is. */
  readonly error?: string;
}

export interface Keeper {
  /** Whether there is a disk to write to at this moment. */
  readonly isOpen: boolean;
  state(): SpoolState;
  /** Brings to disk what waits, and leaves it to a successor. Gives back how many items are on disk. */
  leave(): ReadonlyMap<Signal, number>;
}

/** Others may die at any time. */
const beatsBetweenLooks = 4;
const unobserved = suppressed(rootContext);

/** From now on the outbox writes to disk. Never throws: where there can be no spool, memory is all there is. */
export function keepSpool(parts: KeeperParts): Keeper {
  const { dir, service, maxBytes, outbox } = parts;
  const trouble = diskTrouble(dir);
  let home: Home | undefined;
  let spool: Spool | undefined;
  let beats = 0;

  function open(): void {
    try {
      home = openHome(dir, service);
      const { folder } = home;
      spool = new Spool({ folder, maxBytes, onTrouble: trouble.heard, onRelief: trouble.over });
      outbox.useSpool(spool);
      trouble.over();
    } catch (error) {
      trouble.heard(error);
    }
  }

  function close(): void {
    outbox.useSpool(undefined);
    spool?.close();
    home?.leave();
    home = undefined;
    spool = undefined;
  }

  async function adopt(): Promise<void> {
    for (const path of (await home?.adopt()) ?? []) {
      takeOver(path);
      await turn();
    }
    parts.onAdopted();
  }

  function takeOver(path: string): void {
    const found = spool?.adopt(path);
    if (found === undefined) return;
    outbox.adopt(found.left);
    for (const { lane, count } of found.broken) {
      diagnostics.count(`adopted.${signalOf(lane)}`, count);
      parts.books.lose(signalOf(lane), count, 'corrupt', 'unreadable in the spool');
    }
  }

  function tick(): void {
    if (home?.beat() === false) {
      trouble.heard(Object.assign(new Error('gone'), { code: 'ENOENT' }));
      close();
    }
    if (home === undefined) open();
    if (beats++ % beatsBetweenLooks === 0) void adopt().catch(trouble.heard);
  }

  open();
  const timer = runIn(unobserved, () => {
    setImmediate(tick).unref();
    return setInterval(tick, beatMillis).unref();
  });

  return {
    get isOpen() {
      return spool !== undefined && trouble.last === undefined;
    },
    state: () => ({ bytes: spool?.bytes ?? 0, error: trouble.last }),
    leave() {
      clearInterval(timer);
      const left = outbox.spill();
      close();
      return left;
    },
  };
}
