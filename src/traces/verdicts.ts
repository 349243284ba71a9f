/** What was decided of the last traces, for what comes late: two generations, so that forgetting costs nothing. */

export class Verdicts {
  readonly #most: number;
  #young = new Map<string, boolean>();
  #old = new Map<string, boolean>();

  /** @param most how many are remembered at least; twice as many at most */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether the trace was kept; `undefined` where nothing is known of it (any more). */
  of(traceId: string): boolean | undefined {
    return this.#young.get(traceId) ?? this.#old.get(traceId);
  }

  note(traceId: string, isKept: boolean): void {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(traceId, isKept);
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
