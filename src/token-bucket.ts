/** Lets through so many per unit of time, and at once no more than one unit's worth. */
export class TokenBucket {
  readonly #count: number;
  readonly #unitMillis: number;
  readonly #most: number;
  #tokens: number;
  #filledAt: number | undefined;

  /**
   * @param count a positive number, also below 1
   * @param unitMillis of what time; a second where absent
   */
  constructor(count: number, unitMillis: number = 1_000) {
    this.#count = count;
    this.#unitMillis = unitMillis;
    this.#most = Math.max(1, count);
    this.#tokens = this.#most;
  }

  /** @param now milliseconds on a clock that does not go back */
  take(now: number = performance.now()): boolean {
    const passed = now - (this.#filledAt ?? now);
    this.#tokens = Math.min(this.#most, this.#tokens + (passed * this.#count) / this.#unitMillis);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
