/**
 * Secrets in any text, by their look or by the label before them. One pass, no backtracking: a text costs a look-up
 * for each character, and more only where something might begin.
 */
import { ibanLength, isCardNumber, mayLeadCard, mod97 } from './check-digits.ts';
import { findLabelled, findOption, findUserInfo, type Hit, type SecretNames } from './labelled-values.ts';
import { pairOf, vendorKeyEnd, vendorPairs } from './vendor-keys.ts';

/** What is personal rather than secret is looked for only when asked. */
export type PersonalKind = 'email' | 'phone' | 'ip';

const plain = 0;
const letter = 1;
const digit = 2;
const sign = 3;
const dashes = 4;
const personal = 5;

const classes = new Uint8Array(128);
for (let i = 0; i < 26; i++) classes[65 + i] = classes[97 + i] = letter;
for (let i = 48; i < 58; i++) classes[i] = digit;
for (const each of '=:>%') classes[each.charCodeAt(0)] = sign;
classes[45] = dashes;
classes[64] = classes[43] = personal;

const vendor = 1;
const jwt = 2;
const scheme = 4;
const pairs = new Uint8Array(4096);
for (const pair of vendorPairs) pairs[pair] = vendor;
pairs[pairOf(101, 121)]! |= jwt;
for (const text of ['be', 'Be', 'BE', 'bE', 'ba', 'Ba', 'BA', 'bA']) {
  pairs[pairOf(text.charCodeAt(0), text.charCodeAt(1))]! |= scheme;
}

/** Finds the secrets of one text after the other. Holds no text between calls. */
export class SecretFinder {
  readonly hit: Hit = { start: 0, end: 0, inUrl: false, nextAt: 0 };
  readonly #names: SecretNames;
  readonly #email: boolean;
  readonly #phone: boolean;
  readonly #ip: boolean;
  /** No JWT begins before this place: one long run is read once. */
  #noJwtBefore = 0;

  constructor(names: SecretNames, kinds: readonly PersonalKind[] = []) {
    this.#names = names;
    this.#email = kinds.includes('email');
    this.#phone = kinds.includes('phone');
    this.#ip = kinds.includes('ip');
  }

  /** Whether a secret begins at `from` or behind it; `hit` then says where it is. */
  find(text: string, from: number): boolean {
    if (from === 0) this.#noJwtBefore = this.hit.nextAt = 0;
    const { length } = text;
    let first = 0;
    let word = from > 0 && isAlnum(codeAt(text, from - 1)) ? 3 : 0;
    for (let i = from; i < length; i++) {
      const code = text.charCodeAt(i);
      const kind = code < 128 ? classes[code]! : plain;
      if (kind === letter) {
        if (word === 0) first = code;
        else if (word === 1) {
          const pair = pairs[((first & 63) << 6) | (code & 63)]!;
          if (pair !== 0 && this.#atPair(text, i - 1, pair)) return true;
        }
        word++;
      } else if (kind === digit) {
        if (word === 0) {
          first = 0;
          if (this.#atDigit(text, i)) return true;
        } else if (word === 2 && first !== 0 && this.#take(i - 2, ibanEnd(text, i - 2))) return true;
        word++;
      } else {
        word = 0;
        if (kind !== plain && this.#atSign(text, i, code)) return true;
      }
    }
    return false;
  }

  #atPair(text: string, i: number, pair: number): boolean {
    if ((pair & vendor) !== 0 && this.#take(i, vendorKeyEnd(text, i))) return true;
    if ((pair & jwt) !== 0 && i >= this.#noJwtBefore && this.#take(i, this.#jwtEnd(text, i))) return true;
    return (pair & scheme) !== 0 && this.#atScheme(text, i);
  }

  #take(start: number, end: number): boolean {
    if (end === 0) return false;
    this.hit.start = start;
    this.hit.end = end;
    this.hit.inUrl = false;
    return true;
  }

  #jwtEnd(text: string, start: number): number {
    if (codeAt(text, start + 2) !== 74) return 0;
    let end = base64UrlEnd(text, start);
    const head = end;
    let parts = 1;
    while (codeAt(text, end) === 46 && parts < 5) {
      const next = base64UrlEnd(text, end + 1);
      if (next === end + 1 && parts !== 2) break;
      end = next;
      parts++;
    }
    if (parts >= 2 && head - start >= 12) return end;
    this.#noJwtBefore = head;
    return 0;
  }

  #atScheme(text: string, i: number): boolean {
    const isBearer = codeAt(text, i + 6) === 32;
    if (!isBearer && codeAt(text, i + 5) !== 32) return false;
    if (text.slice(i, i + (isBearer ? 6 : 5)).toLowerCase() !== (isBearer ? 'bearer' : 'basic')) return false;
    let start = i + (isBearer ? 7 : 6);
    while (codeAt(text, start) === 32) start++;
    const end = token68End(text, start);
    const token = text.slice(start, Math.min(end, start + 400));
    return (isBearer ? looksRandom(token) : isBasic(token)) && this.#take(start, end);
  }

  #atDigit(text: string, i: number): boolean {
    const end = digitsEnd(text, i);
    const count = end - i;
    if (count < 3 || count > 19) return this.#atPersonalDigit(text, i);
    if (count >= 13) return isWholeNumber(text, i, end) && isCard(text, i, end) && this.#take(i, end);
    if (count === 4 && this.#take(i, groupedCardEnd(text, i))) return true;
    if (count === 3 && this.#take(i, securityNumberEnd(text, i))) return true;
    if (count >= 8 && count <= 10 && this.#take(i, botTokenEnd(text, end))) return true;
    return this.#atPersonalDigit(text, i);
  }

  #atPersonalDigit(text: string, i: number): boolean {
    if (!this.#ip && !this.#phone) return false;
    return (this.#ip && this.#take(i, ipEnd(text, i))) || (this.#phone && this.#take(i, phoneEnd(text, i)));
  }

  #atSign(text: string, i: number, code: number): boolean {
    if (code === 45) return this.#atDashes(text, i);
    if (code === 64) return this.#email && this.#atEmail(text, i);
    if (code === 43) return this.#phone && this.#take(i, phoneEnd(text, i));
    if (code === 58 && codeAt(text, i + 1) === 47 && codeAt(text, i + 2) === 47) {
      return findUserInfo(text, i, this.hit);
    }
    if (code === 37 && !text.startsWith('3D', i + 1) && !text.startsWith('3d', i + 1)) return false;
    if (code === 62 && codeAt(text, i - 1) === 61) return false;
    return findLabelled(text, i, this.#names, this.hit);
  }

  /** `--password x`, and the first line of a private key. */
  #atDashes(text: string, i: number): boolean {
    if (codeAt(text, i + 1) !== 45) return false;
    const third = codeAt(text, i + 2);
    if (third !== 45) return codeAt(text, i - 1) !== 45 && findOption(text, i, this.#names, this.hit);
    return text.startsWith('-----BEGIN ', i) && this.#take(i, privateKeyEnd(text, i));
  }

  #atEmail(text: string, at: number): boolean {
    let start = at;
    while (start > 0 && at - start < 64 && isMailCode(codeAt(text, start - 1))) start--;
    let end = at + 1;
    while (end - at < 255 && isHostCode(codeAt(text, end))) end++;
    while (codeAt(text, end - 1) === 46) end--;
    if (start === at || !text.slice(at + 1, end).includes('.')) return false;
    return this.#take(start, end);
  }
}

/** No character; beyond all of them, so that no range holds it. */
const none = 65_536;

/** A read outside the text would make every read of its place in the code slow for good. */
function codeAt(text: string, at: number): number {
  return at >= 0 && at < text.length ? text.charCodeAt(at) : none;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isAlnum(code: number): boolean {
  const lower = code | 32;
  return isDigit(code) || (lower >= 97 && lower <= 122);
}

/** At most one more than the longest card number. */
function digitsEnd(text: string, from: number): number {
  const last = Math.min(text.length, from + 20);
  let end = from;
  while (end < last && isDigit(text.charCodeAt(end))) end++;
  return end;
}

/** Not a part of a word or of a decimal number. */
function isWholeNumber(text: string, start: number, end: number): boolean {
  if (isAlnum(codeAt(text, end))) return false;
  if (codeAt(text, end) === 46 && isDigit(codeAt(text, end + 1))) return false;
  return !(codeAt(text, start - 1) === 46 && isDigit(codeAt(text, start - 2)));
}

/** Characters between two groups of digits: a space, dash, dot, plus or an escaped space. */
function gapAt(text: string, at: number): number {
  const code = codeAt(text, at);
  if (code === 32 || code === 45 || code === 46 || code === 43 || code === 0xa0) return 1;
  return code === 37 && text.startsWith('%20', at) ? 3 : 0;
}

const digits = new Uint8Array(24);

/** Appends the digits from `start` to `end` to those that are there. */
function addDigits(text: string, start: number, end: number, count: number): number {
  for (let i = start; i < end; i++) digits[count + i - start] = text.charCodeAt(i) - 48;
  return count + end - start;
}

function isCard(text: string, start: number, end: number): boolean {
  return isCardNumber(digits, addDigits(text, start, end, 0));
}

/** A card in groups as they are printed: 4-4-4-4, 4-4-4-4-3, 4-6-5, 4-6-4. */
function groupedCardEnd(text: string, start: number): number {
  let end = start + 4;
  if (gapAt(text, end) === 0) return 0;
  let count = addDigits(text, start, end, 0);
  if (!mayLeadCard(digits)) return 0;
  for (let group = 1; group < 5; group++) {
    const gap = gapAt(text, end);
    if (gap === 0) return 0;
    const from = end + gap;
    const next = digitsEnd(text, from);
    const length = next - from;
    if (length === 0 || length > 6 || isAlnum(codeAt(text, next))) return 0;
    if (length !== 4 && count + length < 13 && !(group === 1 && length === 6)) return 0;
    count = addDigits(text, from, next, count);
    end = next;
    if (count >= 13 && isCardNumber(digits, count)) return end;
  }
  return 0;
}

/** `078-05-1120` where the text before it speaks of social security. */
function securityNumberEnd(text: string, start: number): number {
  if (gapAt(text, start + 3) !== 1 || gapAt(text, start + 6) !== 1) return 0;
  const end = start + 11;
  if (!/^\d{3}[- ]\d\d[- ]\d{4}$/.test(text.slice(start, end)) || isAlnum(codeAt(text, end))) return 0;
  return /ssn|social.?security/i.test(text.slice(Math.max(0, start - 30), start)) ? end : 0;
}

/** Telegram: `123456789:AA...`. */
function botTokenEnd(text: string, colon: number): number {
  if (!text.startsWith(':AA', colon)) return 0;
  const start = colon + 1;
  const end = base64UrlEnd(text, start);
  return end - start >= 33 && end - start <= 40 ? end : 0;
}

/** Country, check digits, then letters and digits, in groups of four or in one; letters in one case (ISO 13616). */
function ibanEnd(text: string, start: number): number {
  const first = codeAt(text, start);
  const second = codeAt(text, start + 1);
  if (isDigit(second) || !isDigit(codeAt(text, start + 3))) return 0;
  const length = ibanLength(first, second);
  if (length === 0) return 0;
  let rest = 0;
  let count = 4;
  let at = start + 4;
  const { length: last } = text;
  for (; count < length; at++) {
    if (at >= last) return 0;
    const code = text.charCodeAt(at);
    if (isAlnum(code) && (code < 58 || (code & 32) === (first & 32))) {
      rest = mod97(rest, code);
      count++;
    } else if (count % 4 !== 0 || gapAt(text, at) !== 1) return 0;
  }
  if (isAlnum(codeAt(text, at))) return 0;
  for (let i = start; i < start + 4; i++) rest = mod97(rest, codeAt(text, i));
  return rest === 1 ? at : 0;
}

function base64UrlEnd(text: string, from: number): number {
  let end = from;
  while (isAlnum(codeAt(text, end)) || codeAt(text, end) === 45 || codeAt(text, end) === 95) end++;
  return end;
}

function token68End(text: string, from: number): number {
  let end = from;
  for (; end < text.length; end++) {
    const code = codeAt(text, end);
    if (
      !isAlnum(code) &&
      !(code >= 43 && code <= 47 && code !== 44) &&
      code !== 61 &&
      code !== 95 &&
      code !== 126
    )
      break;
  }
  return end;
}

/** A token, not the word that follows in a sentence about tokens. */
function looksRandom(token: string): boolean {
  if (token.length < 6) return false;
  return /\d/.test(token) || (token.length >= 24 && !token.includes('/'));
}

function isBasic(token: string): boolean {
  if (token.length < 4 || token.length % 4 === 1) return false;
  return (
    /^[A-Za-z0-9+/]+={0,2}$/.test(token) && Buffer.from(token, 'base64').toString('latin1').includes(':')
  );
}

/** To the last line of the key; to the end of the text where it was cut. */
function privateKeyEnd(text: string, start: number): number {
  const label = text.slice(start + 11, start + 64);
  if (!/^[A-Z0-9 ]{0,30}PRIVATE KEY/.test(label)) return 0;
  const end = text.indexOf('-----END ', start);
  if (end < 0) return text.length;
  const close = text.indexOf('-----', end + 9);
  return close < 0 ? text.length : close + 5;
}

function isMailCode(code: number): boolean {
  return isAlnum(code) || code === 46 || code === 95 || code === 37 || code === 43 || code === 45;
}

function isHostCode(code: number): boolean {
  return isAlnum(code) || code === 46 || code === 45;
}

/** `+` and 8 to 15 digits, or ten of them in groups, with gaps, dashes and brackets. */
function phoneEnd(text: string, start: number): number {
  const shape = /^(?:\+\d(?:[ ().-]{0,2}\d){7,14}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w.-]*\d)/;
  const found = shape.exec(text.slice(start, start + 64));
  return found === null ? 0 : start + found[0].length;
}

function ipEnd(text: string, start: number): number {
  const shape = /^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|(?![\d.]))){4}(?!\w)/;
  const found = shape.exec(text.slice(start, start + 16));
  return found === null ? 0 : start + found[0].length;
}
