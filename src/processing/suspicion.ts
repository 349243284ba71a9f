/**
 * Whether a text needs to be read for secrets at all. Most texts have neither a label nor a run of characters long
 * enough for a key, and the regular expression engine looks for single characters faster than any loop can.
 */

import { pairOf, vendorPairs } from './vendor-keys.ts';

/** Whether a name that ends at `end` may be a secret's; wrong only in one direction. */
export type MayEndName = (text: string, end: number) => boolean;

const signs = ['=', ':', '>', '%'];
/** Before a token or a number, in a sentence; `--` is before an option or a private key. */
const words = /--|rer |RER |sic |SIC |ssn |SSN |urity |ECURITY /;
/** Both in one, for the many texts that have neither. */
const anySign = /[=:>%]|--|rer |RER |sic |SIC |ssn |SSN |urity |ECURITY /;
/** No key, card or token without a label is shorter. */
const shortestRun = 12;
/** No name in code is longer. */
const longestName = 48;

const inToken = 1;
const inGroups = 2;
const members = new Uint8Array(128);
for (let i = 0; i < 26; i++) {
  members[97 + i] = inToken;
  members[65 + i] = inToken | inGroups;
}
for (let i = 48; i < 58; i++) members[i] = inToken | inGroups;
members[45] = inToken | inGroups;
members[95] = inToken;
members[32] = members[46] = inGroups;

/** The first two characters of what is known by its look. */
const leads = new Uint8Array(4096);
for (const pair of vendorPairs) leads[pair] = 1;
leads[pairOf(101, 121)] = 1;

/** `false` only for a text without secrets of the built-in kinds. */
export function isSuspicious(text: string, mayEnd: MayEndName): boolean {
  return (anySign.test(text) && hasLabel(text, mayEnd)) || (text.length >= shortestRun && hasLongRun(text));
}

function hasLabel(text: string, mayEnd: MayEndName): boolean {
  if (words.test(text)) return true;
  for (const sign of signs) {
    for (let at = text.indexOf(sign); at >= 0; at = text.indexOf(sign, at + 1)) {
      if (isLabel(text, at, mayEnd)) return true;
    }
  }
  return hasUserInfo(text);
}

function hasUserInfo(text: string): boolean {
  const first = text.indexOf('://');
  return first >= 0 && text.includes('@', first);
}

function hasLongRun(text: string): boolean {
  // A run of twelve covers one of every twelve places.
  for (let i = shortestRun - 1; i < text.length; i += shortestRun) {
    const code = text.charCodeAt(i);
    const kinds = code < 128 ? members[code]! : code === 0xa0 ? inGroups : 0;
    if ((kinds & inToken) !== 0 && isKeyLike(text, i)) return true;
    if ((kinds & inGroups) !== 0 && isLongGroup(text, i)) return true;
  }
  return false;
}

function isLabel(text: string, at: number, mayEnd: MayEndName): boolean {
  const sign = text.charCodeAt(at);
  if (sign === 37) return isEscapedEquals(text, at) && mayEnd(text, at);
  const next = at + 1 < text.length ? text.charCodeAt(at + 1) : 0;
  // The token of a bot: `123456789:AA...`.
  if (sign === 58 && next === 65) return true;
  const end = labelEnd(text, at);
  return end > 0 && mayEnd(text, end);
}

function isEscapedEquals(text: string, at: number): boolean {
  return text.charCodeAt(at + 1) === 51 && (text.charCodeAt(at + 2) | 32) === 100;
}

/**
 * Where the name before a sign ends: before a blank, and a quote or bracket that closes it. A read outside the text
 * would make every read of its place in the code slow for good.
 */
export function labelEnd(text: string, at: number): number {
  if (at === 0) return 0;
  let end = at;
  let code = text.charCodeAt(end - 1);
  if (code === 32) {
    if (--end === 0) return 0;
    code = text.charCodeAt(end - 1);
  }
  if (code === 34 || code === 39 || code === 96 || code === 41 || code === 93) end--;
  else if ((code === 68 || code === 100) && end > 2) end = text.charCodeAt(end - 3) === 37 ? end - 3 : end;
  while (end > 0 && text.charCodeAt(end - 1) === 92 && at - end < 8) end--;
  return end;
}

/** Long names of code have no digits, and no word in them begins like a key. */
function isKeyLike(text: string, at: number): boolean {
  let start = at;
  while (start > 0 && at - start < longestName && isMember(text.charCodeAt(start - 1), inToken)) start--;
  let end = at + 1;
  while (end - at < longestName && isMember(text.charCodeAt(end), inToken)) end++;
  if (end - start < shortestRun) return false;
  if (end - start > longestName) return true;
  let fresh = true;
  for (let i = start; i < end; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) return true;
    if (fresh && leads[pairOf(code, text.charCodeAt(i + 1))] !== 0) return true;
    fresh = code === 45 || code === 95;
  }
  return false;
}

/** Capitals and digits in groups: a card, an account. */
function isLongGroup(text: string, at: number): boolean {
  let start = at;
  while (start > 0 && at - start < shortestRun && isMember(text.charCodeAt(start - 1), inGroups)) start--;
  let end = at + 1;
  while (end - start < shortestRun && isMember(text.charCodeAt(end), inGroups)) end++;
  return end - start >= shortestRun;
}

function isMember(code: number, kind: number): boolean {
  return code < 128 ? (members[code]! & kind) !== 0 : code === 0xa0 && kind === inGroups;
}
