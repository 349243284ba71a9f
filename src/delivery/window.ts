/**
 * How many requests of a signal are under way at a time: one, as long as that is enough, for whatever is under way
 * when a connection breaks may have arrived and then comes twice. More while a backlog waits and is taken well; one
 * again at the first failure, and what has failed goes before what has not been tried.
 */
export class Window {
  readonly #most: number;
  #size = 1;
  #inside = 0;
  /** Somebody who failed tries again, and nobody else meanwhile. */
  #isTrial = false;
  readonly #failed: (() => void)[] = [];
  readonly #fresh: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** From 1 to the most. */
  get size(): number {
    return this.#size;
  }

  widen(): void {
    const isWell = !this.#isTrial && this.#failed.length === 0;
    if (isWell) this.#size = Math.min(this.#size + 1, this.#most);
  }

  narrow(): void {
    this.#size = 1;
  }

  /** Resolves when there is room for one more; who entered leaves when it has its answer. */
  enter(): Promise<void> {
    return this.#admission(this.#fresh);
  }

  /** For who has failed and is inside: resolves when everybody else is out. Nobody enters until it leaves. */
  async alone(): Promise<void> {
    this.#size = 1;
    if (this.#isTrial) return;
    this.#inside--;
    await this.#admission(this.#failed);
  }

  leave(): void {
    this.#inside--;
    this.#isTrial = false;
    this.#admit();
  }

  #admission(queue: (() => void)[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    queue.push(resolve);
    this.#admit();
    return promise;
  }

  #admit(): void {
    if (this.#isTrial) return;
    if (this.#failed.length > 0) {
      if (this.#inside > 0) return;
      this.#isTrial = true;
      this.#let(this.#failed);
    } else while (this.#inside < this.#size && this.#fresh.length > 0) this.#let(this.#fresh);
  }

  #let(queue: (() => void)[]): void {
    this.#inside++;
    queue.shift()?.();
  }
}
