/** What the preload starts, once it is known that it may: a Sonde from the environment, unless one is running. */
import { core } from './core.ts';

export function start(): void {
  core.init();
}
