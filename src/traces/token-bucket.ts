/** Lets through so many a second, and at once no more than one second's worth. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #most: number;
  #tokens: number;
  #filledAt: number | undefined;

  /** @param perSecond a positive number, also below 1 */
  constructor(perSecond: number) {
    this.#perSecond = perSecond;
    this.#most = Math.max(1, perSecond);
    this.#tokens = this.#most;
  }

  /** @param now milliseconds on a clock that does not go back */
  take(now: number = performance.now()): boolean {
    const passed = now - (this.#filledAt ?? now);
    this.#tokens = Math.min(this.#most, this.#tokens + (passed / 1_000) * this.#perSecond);
    this.#filledAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
