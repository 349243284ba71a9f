/**
 * Whether a text needs to be read for secrets at all. Most texts have neither a label nor a run of characters long
 * enough for a key, and the regular expression engine looks for single characters faster than any loop can.
 */

/** Whether a name that ends at `end` may be a secret's; wrong only in one direction. */
export type MayEndName = (text: string, end: number) => boolean;

const signs = /[=:>%]|--|rer |RER |sic |SIC |ssn |SSN |urity |ECURITY /g;
/** No key, card or token without a label is shorter. */
const shortestRun = 12;

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

/** `false` only for a text without secrets of the built-in kinds. */
export function isSuspicious(text: string, mayEnd: MayEndName): boolean {
  signs.lastIndex = 0;
  let lastAt = -1;
  while (signs.test(text)) {
    const at = signs.lastIndex - 1;
    const sign = text.charCodeAt(at);
    if (sign === 58 && text.charCodeAt(at + 1) === 47 && text.charCodeAt(at + 2) === 47) {
      if (lastAt === -1) lastAt = text.lastIndexOf('@') + 1;
      if (lastAt > at) return true;
    } else if (isLabel(text, at, sign, mayEnd)) return true;
  }
  // A run of twelve covers one of every twelve places.
  for (let i = shortestRun - 1; i < text.length; i += shortestRun) {
    const code = text.charCodeAt(i);
    const kinds = code < 128 ? members[code]! : code === 0xa0 ? inGroups : 0;
    if ((kinds & inToken) !== 0 && isLongRun(text, i, inToken)) return true;
    if ((kinds & inGroups) !== 0 && isLongRun(text, i, inGroups)) return true;
  }
  return false;
}

function isLabel(text: string, at: number, sign: number, mayEnd: MayEndName): boolean {
  if (sign === 37) return isEscapedEquals(text, at) && mayEnd(text, at);
  if (sign !== 58 && sign !== 61 && sign !== 62) return true;
  const next = text.charCodeAt(at + 1);
  if (sign === 58 && next === 65) return true;
  const end = labelEnd(text, at);
  return end > 0 && mayEnd(text, end);
}

function isEscapedEquals(text: string, at: number): boolean {
  return text.charCodeAt(at + 1) === 51 && (text.charCodeAt(at + 2) | 32) === 100;
}

/** Where the name before a sign ends: before a blank, and a quote or bracket that closes it. */
export function labelEnd(text: string, at: number): number {
  let end = at;
  let code = text.charCodeAt(end - 1);
  if (code === 32) code = text.charCodeAt(--end - 1);
  if (code === 34 || code === 39 || code === 96 || code === 41 || code === 93) end--;
  else if (code === 68 || code === 100) end = text.charCodeAt(end - 3) === 37 ? end - 3 : end;
  while (text.charCodeAt(end - 1) === 92 && at - end < 8) end--;
  return end;
}

function isLongRun(text: string, at: number, kind: number): boolean {
  let start = at;
  while (start > 0 && at - start < shortestRun && isMember(text.charCodeAt(start - 1), kind)) start--;
  let end = at + 1;
  while (end - start < shortestRun && isMember(text.charCodeAt(end), kind)) end++;
  return end - start >= shortestRun;
}

function isMember(code: number, kind: number): boolean {
  return code < 128 ? (members[code]! & kind) !== 0 : code === 0xa0 && kind === inGroups;
}
