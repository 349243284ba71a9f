/** The destinations that a configuration has opened: flushed and closed with Sonde, replaced with the next one. */
import { shared } from '../slot.ts';
import type { Destination } from './handler.ts';
import { keepHandlers } from './tree.ts';

interface Open {
  /** Of the handlers in the tree, what holds records before its target. */
  destinations: readonly Destination[];
  /** Of the printers of `init`: the log file. */
  printers: readonly Destination[];
  /** What sees every record whatever way it goes: error tracking. */
  watchers: readonly Destination[];
}

const open = shared<Open>('logs.open', () => ({ destinations: [], printers: [], watchers: [] }));

/** Puts these in place of those before, which are closed. */
export function keepOpen(destinations: readonly Destination[]): void {
  const before = open.destinations;
  open.destinations = [...destinations];
  closeAll(before);
}

/** The same for what stands in the place of the root's handlers. */
export function keepPrintersOpen(printers: readonly Destination[]): void {
  const before = open.printers;
  open.printers = [...printers];
  closeAll(before);
}

/** The same for what watches. */
export function keepWatchersOpen(watchers: readonly Destination[]): void {
  const before = open.watchers;
  open.watchers = [...watchers];
  closeAll(before);
}

/** Resolves when everything taken before is out, or given up and counted. */
export async function flushDestinations(): Promise<void> {
  // One after the other: what holds records gives them to the next.
  for (const destination of all()) await destination.flush?.();
}

/** Whether anything is open that sends later than it takes. */
export function hasDestinations(): boolean {
  return all().some(({ flush }) => flush !== undefined);
}

/** Ends them all. Handlers that need no closing, such as the console, stay. */
export function closeDestinations(): void {
  const before = all();
  keepHandlers(({ destination }) => destination.close === undefined || !before.includes(destination));
  open.destinations = [];
  open.printers = [];
  open.watchers = [];
  closeAll(before);
}

function all(): readonly Destination[] {
  return [...open.destinations, ...open.printers, ...open.watchers];
}

function closeAll(destinations: readonly Destination[]): void {
  for (const destination of destinations) destination.close?.();
}
