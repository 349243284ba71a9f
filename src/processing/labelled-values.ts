/**
 * Secrets in a text that says what they are: `password=x`, `"token": "x"`, `'pin' => 'x'`, `Cookie: x`, `--secret x`,
 * `<password>x</password>`, `(token)=(x)`, `scheme://user:x@host`. Each function reads a bounded number of characters
 * before it and what it finds, so that a whole text costs linear time.
 */
import { isMasked } from './masks.ts';
import { labelEnd, type MayEndName } from './suspicion.ts';

/** A part of a text. */
export interface Hit {
  start: number;
  end: number;
  /** Within a URL, where brackets would have to be escaped. */
  inUrl: boolean;
  /** The next `@` of the text, as far as it was looked for. */
  nextAt: number;
}

/** Who knows the names of secrets. */
export interface SecretNames {
  /** Whether the name in `text` from `start` to `end` is a secret's; `query` for the name of a query parameter. */
  isSecret(text: string, start: number, end: number, query: boolean): boolean;
  readonly mayEnd: MayEndName;
}

const longestName = 64;
const longestAuthority = 2048;
const longestPassword = 256;
/** As long as what a mask gives. */
const longestNothing = 38;

/** A label before the sign at `at` (`=`, `:`, `%3D`, `=>` or the `>` of a tag), and the value behind it. */
export function findLabelled(text: string, at: number, names: SecretNames, hit: Hit): boolean {
  const end = labelEnd(text, at);
  // Most names are done with after two characters, before anything else is asked.
  if (!names.mayEnd(text, end)) return false;
  const sign = text[at]!;
  const length = signLength(text, at, sign);
  if (length === 0) return false;
  const spaced = text[at - 1] === ' ';
  const quoted = isQuote(text[spaced ? at - 2 : at - 1]);
  const start = nameStart(text, end, sign);
  if (start === end || ((sign === '>' || length === 2) && !belongs(text, start, sign, quoted))) return false;
  const lead = text[start - 1];
  const query = lead === '?' || lead === '&';
  if (!names.isSecret(text, start, end, query)) return false;
  hit.inUrl = query;
  const isHeader = end - start >= 6 && endsLikeHeader(text, end) && header.test(text.slice(end - 6, end));
  return findValue(text, at + length, { sign, spaced, quoted, isHeader, lead }, hit);
}

/** `--password x`, as commands are quoted by those who could not run them. */
export function findOption(text: string, at: number, names: SecretNames, hit: Hit): boolean {
  let end = at + 2;
  while (end - at < longestName && isNameCode(text.charCodeAt(end))) end++;
  const next = text.charCodeAt(end + 1);
  if (text[end] !== ' ' || next === 45 || !(next > 32) || !names.isSecret(text, at + 2, end, false))
    return false;
  const quote = text[end + 1]!;
  const from = end + (isQuote(quote) ? 2 : 1);
  let to = from;
  while (to < text.length && (isQuote(quote) ? text[to] !== quote : !isSpace(text.charCodeAt(to)))) to++;
  return accept(text, from, to, hit);
}

/** `user:password` in the URL whose `://` is at `at`; also with signs in it that should have been escaped. */
export function findUserInfo(text: string, at: number, hit: Hit): boolean {
  const start = at + 3;
  const last = Math.min(text.length, start + longestAuthority);
  let colon = -1;
  let sign = -1;
  let end = start;
  for (; end < last && !endsAuthority(text.charCodeAt(end)); end++) {
    const code = text.charCodeAt(end);
    if (code === 64) sign = end;
    else if (code === 58 && colon < 0) colon = end;
  }
  if (sign < 0 && colon > 0 && !isPort(text, colon + 1, end)) sign = lateSign(text, end, hit);
  if (sign < 0 || (colon < 0 && sign - start < 16) || (colon > sign && sign - start < 16)) return false;
  hit.inUrl = true;
  return accept(text, start, sign, hit);
}

function isPort(text: string, start: number, end: number): boolean {
  return end - start <= 5 && /^\d*$/.test(text.slice(start, end));
}

/** The `@` behind a password that has a slash, a question mark or a hash in it. */
function lateSign(text: string, from: number, hit: Hit): number {
  if (hit.nextAt < from) hit.nextAt = endAt(text, from, '@');
  if (hit.nextAt === text.length || hit.nextAt - from > longestPassword) return -1;
  for (let i = from; i < hit.nextAt; i++) {
    const code = text.charCodeAt(i);
    if (isSpace(code) || code === 34) return -1;
  }
  return hit.nextAt;
}

function endsAuthority(code: number): boolean {
  return (
    code === 47 ||
    code === 63 ||
    code === 35 ||
    code === 92 ||
    code === 34 ||
    code === 60 ||
    code === 62 ||
    isSpace(code)
  );
}

interface Label {
  readonly sign: string;
  readonly spaced: boolean;
  readonly quoted: boolean;
  readonly isHeader: boolean;
  readonly lead: string | undefined;
}

function findValue(text: string, after: number, label: Label, hit: Hit): boolean {
  const { sign, quoted, isHeader, lead } = label;
  if (sign === '>') return accept(text, after, endAt(text, after, '<'), hit);
  let from = after;
  if (sign !== '=' || label.spaced) while (from - after < 2 && isBlank(text.charCodeAt(from))) from++;
  const opener = text[from];
  if (opener === undefined || isSpace(opener.charCodeAt(0))) return false;
  let slashes = 0;
  while (text[from + slashes] === '\\' && slashes < 8) slashes++;
  if (isQuote(text[from + slashes])) {
    const value = from + slashes + 1;
    const end = quotedEnd(text, value, text[value - 1]!, slashes);
    const tooShort = sign === ':' && !quoted && end - value < 3;
    return !tooShort && accept(text, value, end, hit);
  }
  if (opener === '{' || opener === '[' || opener === '(')
    return accept(text, from, bracketEnd(text, from), hit);
  if (isHeader && sign === ':') return accept(text, from, headerEnd(text, from, lead), hit);
  const end = tokenEnd(text, from, sign);
  if (isHeader && scheme.test(text.slice(from, Math.min(end, from + 20)))) {
    return accept(text, from, tokenEnd(text, end + 1, sign), hit);
  }
  const sure = quoted || sign !== ':';
  return (sure || !isWord(text, from, end)) && accept(text, from, end, hit);
}

function accept(text: string, start: number, end: number, hit: Hit): boolean {
  if (end <= start || (end - start <= longestNothing && isNothing(text, start, end))) return false;
  hit.start = start;
  hit.end = end;
  return true;
}

/** Values that tell nothing, and what a template or a statement has in a value's place. */
function isNothing(text: string, start: number, end: number): boolean {
  const code = text.charCodeAt(start);
  if (code >= 128 || nothingLeads[code] === 0) return false;
  const value = text.slice(start, end);
  return isMasked(value) || nothing.test(value);
}

/** What such a value begins with. */
const nothingLeads = new Uint8Array(128);
for (const lead of 'nutfNUTFHhRr-?%$[{*') nothingLeads[lead.charCodeAt(0)] = 1;

const nothing =
  /^(?:null|undefined|true|false|none|nil|nan|n\/a|-|\?+|\$\d+|%[sdjoO]|\$?\{[\w.]*\}|\[(?:object|array|circular|function|redacted)[^\]]*\])$/i;
/** `n` or `e`: most names are told apart by it. */
function endsLikeHeader(text: string, end: number): boolean {
  const code = text.charCodeAt(end - 1) | 32;
  return code === 110 || code === 101;
}

/** The ends of `authorization` and `cookie`. */
const header = /^(?:zation|cookie)$/i;
const scheme = /^(?:bearer|basic|digest|token|apikey|negotiate|aws4-hmac-sha256)$/i;

/** Unquoted behind a colon, a word of up to 14 letters is prose: `password: required`. */
function isWord(text: string, start: number, end: number): boolean {
  if (end - start > 15) return false;
  const value = text.slice(start, end);
  return /^[A-Za-z]{0,14}[.!?]?$/.test(value) || /^\d{1,2}$/.test(value);
}

function signLength(text: string, at: number, sign: string): number {
  if (sign === ':') return text[at + 1] === ':' || text[at - 1] === ':' ? 0 : 1;
  if (sign === '%') return 3;
  if (sign === '>') return 1;
  const next = text[at + 1];
  const before = text[at - 1];
  if (next === '=' || before === '=' || before === '!' || before === '<' || before === '>') return 0;
  return next === '>' ? 2 : 1;
}

/** An arrow needs a quoted name before it, or it is a function's; a tag's name follows its bracket. */
function belongs(text: string, start: number, sign: string, quoted: boolean): boolean {
  if (sign !== '>') return quoted;
  return (
    text[start - 1] === '<' || (text[start - 1] === ':' && text[nameStart(text, start - 1, sign) - 1] === '<')
  );
}

/** An escaped name begins after the escape before it. */
function nameStart(text: string, end: number, sign: string): number {
  let start = end;
  while (start > 0 && end - start < longestName && isNameCode(text.charCodeAt(start - 1))) start--;
  if (sign !== '%') return start;
  const lead = text.lastIndexOf('%', end - 1);
  return lead < start ? start : Math.min(lead + 3, end);
}

function isNameCode(code: number): boolean {
  const lower = code | 32;
  if (lower >= 97 && lower <= 122) return true;
  if (code >= 48 && code <= 57) return true;
  return code === 95 || code === 45 || code === 46 || code === 36 || code === 37 || code > 127;
}

function isQuote(sign: string | undefined): boolean {
  return sign === '"' || sign === "'" || sign === '`';
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function isSpace(code: number): boolean {
  return code <= 32 || code === 0xa0 || code === 0x2028 || code === 0x2029;
}

function beforeBackslashes(text: string, end: number): number {
  let at = end;
  while (text[at - 1] === '\\' && end - at < 8) at--;
  return at;
}

function endAt(text: string, from: number, sign: string): number {
  const end = text.indexOf(sign, from);
  return end < 0 ? text.length : end;
}

/** The quote that closes one which stands behind so many backslashes. */
function quotedEnd(text: string, from: number, quote: string, slashes: number): number {
  let end = text.indexOf(quote, from);
  while (end >= 0) {
    const bare = beforeBackslashes(text, end);
    if (end - bare <= slashes || (slashes === 0 && (end - bare) % 2 === 0)) return Math.max(bare, from);
    end = text.indexOf(quote, end + 1);
  }
  return text.length;
}

function bracketEnd(text: string, from: number): number {
  const open = text.charCodeAt(from);
  const close = open === 40 ? 41 : open + 2;
  let depth = 0;
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === open) depth++;
    else if (code === close && --depth === 0) return i + 1;
  }
  return text.length;
}

/** A header's value goes to the end of its line, or of the quotes it is in. */
function headerEnd(text: string, from: number, lead: string | undefined): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 10 || code === 13 || (text[i] === lead && isQuote(lead))) return i;
  }
  return text.length;
}

function tokenEnd(text: string, from: number, sign: string): number {
  let i = from;
  for (; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (isSpace(code) || code === 34 || code === 39 || code === 96 || code === 60) break;
    if ((code === 44 || code === 59 || code === 38) && isSeparator(text, i + 1)) break;
    if ((code === 41 || code === 93 || code === 125 || code === 62) && isAfterValue(text.charCodeAt(i + 1)))
      break;
    if (sign === '%' && code === 37 && text.startsWith('%26', i)) break;
  }
  return i;
}

/** Behind a comma, semicolon or ampersand: the end, a gap, or the next name with its sign. */
function isSeparator(text: string, from: number): boolean {
  if (isAfterValue(text.charCodeAt(from))) return true;
  let i = from;
  while (i - from < longestName && isNameCode(text.charCodeAt(i))) i++;
  return i > from && (text[i] === '=' || text[i] === ':' || text[i] === '[');
}

/** Not a number is the end of the text. */
function isAfterValue(code: number): boolean {
  return Number.isNaN(code) || isSpace(code) || (code < 128 && afterValue[code] === 1);
}

/** What stands behind a value by rights. */
const afterValue = new Uint8Array(128);
for (const sign of ')]},;.:"\'`>') afterValue[sign.charCodeAt(0)] = 1;
