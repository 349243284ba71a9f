/**
 * Rejection thresholds of OpenTelemetry's consistent probability sampling: 56 bits as 14 hexadecimal digits, so that
 * texts compare as the numbers do. A trace is kept where its randomness is not below the threshold.
 */

const digits = 14;
const all = 1n << 56n;
/** Significant digits, those after leading `f`; the number that the specification recommends. */
const precision = 4;

/** 14 digits; `undefined` where a share of `ratio` is not even one trace of 2^56: then none is kept. */
export function thresholdOf(ratio: number): string | undefined {
  const kept = BigInt(Math.round(ratio * 2 ** 56));
  if (kept <= 0n) return undefined;
  if (kept >= all) return '0'.repeat(digits);
  const leading = Math.max(0, Math.floor(-(Math.floor(Math.log2(ratio)) + 1) / 4));
  const unit = 16n ** BigInt(Math.max(0, digits - precision - leading));
  const rounded = ((all - kept + unit / 2n) / unit) * unit;
  const threshold = rounded < all ? rounded : all - unit;
  return threshold.toString(16).padStart(digits, '0');
}

/** As it is written in a trace state: without the zeros at its end. */
export function shortThreshold(threshold: string): string {
  return threshold.replace(/0+$/, '') || '0';
}

/** The same of what came in a trace state, with its zeros; `undefined` where it is no threshold. */
export function readThreshold(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{1,14}$/.test(text) ? text.padEnd(digits, '0') : undefined;
}

/** `rv` of a trace state; `undefined` where it is none. */
export function readRandomness(text: string | undefined): string | undefined {
  return text !== undefined && /^[0-9a-f]{14}$/.test(text) ? text : undefined;
}

/** What is random in a trace id: its last 7 bytes, by W3C trace context level 2. */
export function randomnessOf(traceId: string): string {
  return traceId.slice(-digits);
}
