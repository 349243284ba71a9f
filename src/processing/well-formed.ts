/** Text that every decoder accepts. */

const isNative = typeof String.prototype.toWellFormed === 'function';

/** `text` with each lone surrogate replaced by U+FFFD. By hand on Node.js 18, where the console logger works, too. */
export const wellFormed: (text: string) => string = isNative
  ? (text) => (text.isWellFormed() ? text : text.toWellFormed())
  : (text) => text.replace(/\p{Surrogate}/gu, '\uFFFD');
