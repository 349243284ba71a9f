/** What stands where a secret stood. */
import type { KeyObject } from 'node:crypto';

/** Makes a secret's text presentable. Equal texts must give equal results. */
export type Mask = (value: string) => string;

/** What stands in a secret's place. */
export const redactedText = '[REDACTED]';
/** The same in a URL, where brackets would have to be escaped. */
export const redactedInUrl = 'REDACTED';

/** Nothing is left of the value. */
export const fullMask: Mask = () => redactedText;

const dots = '****';
const hashLead = 'hmac:';
/** Shorter than this, four characters would be too large a part of the secret. */
const shortest = 9;

function last4(value: unknown): string {
  const text = plainText(value).replace(/[\s-]/g, '');
  return text.length < shortest ? redactedText : dots + text.slice(-4);
}

function hash(key: string | Uint8Array | KeyObject): Mask {
  return (value) => {
    try {
      // Asked for here: a start needs no cipher.
      const { createHmac } = process.getBuiltinModule('node:crypto');
      const digest = createHmac('sha256', key).update(plainText(value)).digest('hex');
      return hashLead + digest.slice(0, 32);
    } catch {
      return redactedText;
    }
  };
}

/**
 * Ways to show a part of a secret (A63). What they give is left as it is, also under a name that is redacted.
 *
 * @example
 * log.info('charged', { card_number: mask.last4(number) });       // ****4242
 * const byCustomer = mask.hash(logHashKey);
 * log.info('signed in', { password: byCustomer(password) });      // hmac:5d41402abc4b2a76b9719d911017c592
 */
export const mask: {
  /** `****` and the last four characters, spaces and dashes left out; all of a value of less than nine is hidden. */
  readonly last4: (value: unknown) => string;
  /**
   * HMAC-SHA-256 with this key, its first 128 bits in hex: equal values join, and nobody without the key can guess.
   * A key that is none (an unset variable) hides all of the value.
   */
  readonly hash: (key: string | Uint8Array | KeyObject) => Mask;
  readonly full: Mask;
} = { last4, hash, full: fullMask };

function plainText(value: unknown): string {
  try {
    return typeof value === 'string' ? value : String(value);
  } catch {
    return '';
  }
}

/** Whether a text is what a mask gives. */
export function isMasked(text: string): boolean {
  if (text.length > 38) return false;
  if (text === redactedText || text === redactedInUrl) return true;
  return maskedText.test(text);
}

const maskedText = /^(?:\*{3,}[^\s]{0,4}|hmac:[0-9a-f]{32})$/;

/** A secret's value as it may be shown. What tells nothing stays: no value, a boolean, an empty text, what is masked. */
export function masked(mask: Mask, value: unknown): unknown {
  switch (typeof value) {
    case 'string':
      return value === '' || isMasked(value) ? value : mask(value);
    case 'number':
    case 'bigint':
      return mask(String(value));
    case 'undefined':
    case 'boolean':
      return value;
    default:
      return value === null ? null : redactedText;
  }
}
