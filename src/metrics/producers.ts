/** Metrics of other libraries in the process: collected with Sonde's own. */
import { shared } from '../slot.ts';
import type { Producer } from './collector.ts';

/** Whoever finds such a library adds to it. */
export function producers(): Set<Producer> {
  return shared('metric producers', () => new Set<Producer>());
}
