/**
 * What became of everything, to the unit: `emitted` + `adopted` = `delivered` + every `dropped.*` +
 * `standby.forgotten` + `superseded` + `spooled` + what waits. `standby.released` is the part of `delivered` that was
 * held while standing by.
 */
import type { Signal } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';
import type { Losses } from './losses.ts';
import type { Attempt } from './retry.ts';

export interface Books {
  /** Enters the fate of `count` items of a signal that one request carried. */
  enter(signal: Signal, count: number, result: Attempt): void;
  /** `why` is a word for the counter, `cause` is for people. */
  lose(signal: Signal, count: number, why: string, cause: string, told?: boolean): void;
  /** Given up while standing by: not a loss. */
  forget(signal: Signal, count: number): void;
}

/** Opens the books; one for all signals of a process. */
export function openBooks(losses: Losses): Books {
  function lose(signal: Signal, count: number, why: string, cause: string, told?: boolean): void {
    if (count <= 0) return;
    diagnostics.count(`dropped.${signal}.${why}`, count);
    losses.add(signal, count, cause, told);
  }

  function accept(
    signal: Signal,
    count: number,
    { rejectedItems = 0, reason, told, released }: Attempt,
  ): void {
    const refused = Math.min(Math.max(rejectedItems, 0), count);
    diagnostics.count(`delivered.${signal}`, count - refused);
    if (released) diagnostics.count(`standby.released.${signal}`, count - refused);
    lose(signal, refused, 'partial', reason ?? 'refused', told);
  }

  function forget(signal: Signal, count: number): void {
    diagnostics.count(`standby.forgotten.${signal}`, count);
  }

  return {
    enter(signal, count, result) {
      const { outcome, code, reason, told } = result;
      if (outcome === 'ok') accept(signal, count, result);
      else if (result.forgotten) forget(signal, count);
      else lose(signal, count, String(code ?? outcome), reason ?? String(code ?? outcome), told);
    },
    lose,
    forget,
  };
}
