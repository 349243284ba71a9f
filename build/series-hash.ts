/**
 * The metrics SDK sorts and prints the attributes of every measurement to find its series: 3 us of each request.
 * What is frozen and flat always prints the same, so inside the bundle it is printed once.
 */

/** The module in question. */
export const seriesHash: RegExp = /@opentelemetry[\\/]sdk-metrics[\\/].*[\\/]utils\.mjs$/;
const hashHead = 'function hashAttributes(attributes) {';
const rememberedHash = `
const hashes = new WeakMap();
function hashAttributes(attributes) {
  const known = hashes.get(attributes);
  if (known !== undefined) return known;
  const hash = printAttributes(attributes);
  if (isSettled(attributes)) hashes.set(attributes, hash);
  return hash;
}
function isSettled(attributes) {
  // A text or a number counts as frozen, too, and cannot be a key.
  if (typeof attributes !== 'object' || attributes === null || !Object.isFrozen(attributes)) return false;
  return Object.values(attributes).every((value) => typeof value !== 'object');
}
function printAttributes(attributes) {`;

/** Its text with that memory; throws when it is not as it was. */
export function rememberHashes(code: string): string {
  if (!code.includes(hashHead)) throw new Error('sdk-metrics hashes attributes in another way now.');
  return code.replace(hashHead, rememberedHash);
}
