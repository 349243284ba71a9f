/** Work in pieces: the app's own requests have their turn in between. */

/** When it is over: one more piece may still come on top, and a machine is not always idle. */
const longestMillis = 2;

export class Turn {
  #start = performance.now();

  /** To be asked after each small piece of work; waits for the others when its time is over. */
  isOver(): boolean {
    return performance.now() - this.#start > longestMillis;
  }

  async next(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#start = performance.now();
  }
}
