/**
 * Places that freeze the process between two units of work, AWS Lambda first of all: what waits for a timer there
 * waits for ever. So each unit delivers at its own end, and tells in time what it may not live to end.
 */
import { shared } from './slot.ts';

export interface Freezer {
  /** Delivers what is queued, within `millis`. Never rejects. */
  flush(millis: number): Promise<void>;
  /** Every span that is open is queued as it is, marked as unfinished. */
  queueUnfinished(): void;
}

const held = shared<{ freezer: Freezer | undefined }>('freezer', () => ({ freezer: undefined }));

/** `undefined` where the process lives on, or there is nothing to deliver. */
export function freezer(): Freezer | undefined {
  return held.freezer;
}

export function useFreezer(next: Freezer | undefined): void {
  held.freezer = next;
}
