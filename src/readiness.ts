/** Whether this process still wants new work. `/readyz` asks; whoever begins a shutdown says so here, first of all. */
import { shared } from './slot.ts';

const state = shared('readiness', () => ({ isEnding: false }));

/** From now on `/readyz` answers 503, so that nobody sends new work. What came in before is still done. */
export function stopBeingReady(): void {
  state.isEnding = true;
}

/** Called by `init`: a new start is ready again. */
export function becomeReady(): void {
  state.isEnding = false;
}

export function isEnding(): boolean {
  return state.isEnding;
}
