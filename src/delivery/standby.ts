/** Waiting for somebody to listen at the default address. It is not a loss, and costs one line. */
import { diagnostics } from '../diagnostics.ts';
import { errorTable } from '../errors.ts';
import { pause, unlessAborted } from './wait.ts';

export interface Standby {
  readonly active: boolean;
  /** Resolves when it is time to look again, when somebody was found, or on `signal`. Begins standing by. */
  wait(signal: AbortSignal): Promise<void>;
  /** Somebody listens: everybody who waits goes on at once. */
  leave(): void;
}

/** Milliseconds until the first look, and the longest time between two. */
export interface StandbyTimes {
  readonly firstMillis: number;
  readonly maxMillis: number;
}

export const standbyTimes: StandbyTimes = { firstMillis: 10_000, maxMillis: 600_000 };

/** One for all signals that go to `origin`, so that one of them finding somebody releases all. */
export function createStandby(origin: string, times: StandbyTimes = standbyTimes): Standby {
  let delay = times.firstMillis;
  let round: { readonly over: Promise<void>; readonly end: AbortController } | undefined;
  let active = false;

  function nextRound(): Promise<void> {
    if (round !== undefined) return round.over;
    const end = new AbortController();
    const over = pause(delay, end.signal).then(() => {
      round = undefined;
    });
    round = { over, end };
    delay = Math.min(delay * 2, times.maxMillis);
    return over;
  }

  return {
    get active() {
      return active;
    },
    async wait(signal) {
      active = true;
      const what = `OTLP stands by: nobody listens at ${origin}, the default address.`;
      diagnostics.infoOnce('otlp.standby', `${what} ${errorTable.SONDE_ERR_STANDBY}`);
      await unlessAborted(nextRound(), signal);
    },
    leave() {
      active = false;
      delay = times.firstMillis;
      round?.end.abort();
    },
  };
}
