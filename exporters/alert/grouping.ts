/** Which alerts go out at once, and which are only counted: one a kind and window, then a summary (A43). */

/** What a summary says of one kind. */
export interface HeldGroup {
  readonly fingerprint: string;
  /** That of the first of its kind. */
  readonly subject: string;
  readonly count: number;
  /** Epoch milliseconds of the first and last that were held back. */
  readonly from: number;
  readonly to: number;
  /** Of the last one that had any. */
  readonly traceId?: string;
  readonly correlationId?: string;
}

/** One alert as grouping sees it. */
export interface Sighting {
  readonly fingerprint: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly traceId?: string;
  readonly correlationId?: string;
}

export interface Grouping {
  /** Whether this one goes out at once; else it is counted. `subject` is asked for only then. */
  admit(sighting: Sighting, subject: () => string): boolean;
  /** The kinds of which some were held back and whose window is over. Opens their next window. */
  due(): HeldGroup[];
  /** The same for every window, over or not. */
  release(): HeldGroup[];
  /** Milliseconds until the next window ends; `undefined` where none is open. */
  readonly nextMillis: number | undefined;
}

interface Group {
  readonly subject: string;
  until: number;
  held: HeldGroup | undefined;
}

/** Each kind that is not known yet sends a mail: more of them than this are a storm, and told together. */
const mostGroups = 100;
const rest = 'of many other kinds';

/** Windows of `windowMillis`. Memory is bounded: beyond 100 kinds within a window all further ones count as one. */
export function grouping(windowMillis: number, now: () => number = () => performance.now()): Grouping {
  /** The window that ends first comes first: all have one length. */
  const groups = new Map<string, Group>();

  function open(key: string, subject: string): void {
    groups.delete(key);
    groups.set(key, { subject, until: now() + windowMillis, held: undefined });
  }

  function taken(wanted: (group: Group) => boolean): HeldGroup[] {
    const found: HeldGroup[] = [];
    for (const [key, group] of [...groups]) {
      if (!wanted(group)) continue;
      groups.delete(key);
      if (group.held === undefined) continue;
      found.push(group.held);
      open(key, group.subject);
    }
    return found;
  }

  /** Windows in which nothing was held back end without a word. */
  function forgetQuiet(): void {
    for (const [key, group] of groups) {
      if (group.until > now()) return;
      if (group.held === undefined) groups.delete(key);
    }
  }

  return {
    admit(sighting, subject) {
      forgetQuiet();
      const isKnown = groups.has(sighting.fingerprint);
      const key = isKnown || groups.size < mostGroups ? sighting.fingerprint : rest;
      const group = groups.get(key);
      if (group === undefined) {
        open(key, key === rest ? `Errors ${rest}` : subject());
        return true;
      }
      group.held = counted(group, sighting, key);
      return false;
    },
    due: () => taken((group) => group.until <= now()),
    release: () => taken((group) => group.held !== undefined),
    get nextMillis() {
      const [first] = groups.values();
      return first === undefined ? undefined : Math.max(0, first.until - now());
    },
  };
}

function counted({ held, subject }: Group, sighting: Sighting, fingerprint: string): HeldGroup {
  const { time, traceId = held?.traceId, correlationId = held?.correlationId } = sighting;
  const { count = 0, from = time } = held ?? {};
  return { fingerprint, subject, count: count + 1, from, to: time, traceId, correlationId };
}
