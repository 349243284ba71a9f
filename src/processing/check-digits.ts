/** Numbers that prove themselves: payment cards by Luhn, bank accounts by mod 97. */

/** Lengths of an IBAN by country. */
const ibanLengths: ReadonlyMap<string, number> = new Map(
  `AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
   ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28
   LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25
   QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30`
    .trim()
    .split(/\s+/)
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))]),
);

/** First and last six digits of the ranges that cards have, and their lengths. */
const ranges: readonly (readonly [first: number, last: number, ...lengths: number[]])[] = [
  [400000, 499999, 13, 16, 19],
  [510000, 559999, 16],
  [222100, 272099, 16],
  [340000, 349999, 15],
  [370000, 379999, 15],
  [300000, 305999, 14, 16],
  [360000, 369999, 14, 16],
  [380000, 399999, 14, 16],
  [352800, 358999, 16, 17, 18, 19],
  [500000, 509999, 13, 14, 15, 16, 17, 18, 19],
  [560000, 589999, 16, 18, 19],
  [601100, 601199, 16, 19],
  [620000, 629999, 16, 17, 18, 19],
  [630400, 630499, 16, 18, 19],
  [644000, 659999, 16, 19],
  [675900, 676399, 16, 18, 19],
  [606900, 608999, 16],
  [220000, 220499, 16, 17, 18, 19],
  [979200, 979299, 16],
];

const leads = new Uint8Array(10_000);
for (const [first, last] of ranges) leads.fill(1, Math.floor(first / 100), Math.floor(last / 100) + 1);

/** Whether a card number may begin with these four digits: most numbers are done with here. */
export function mayLeadCard(digits: ArrayLike<number>): boolean {
  return leads[digits[0]! * 1000 + digits[1]! * 100 + digits[2]! * 10 + digits[3]!] === 1;
}

/** Whether the first `count` digits are a card number: a known range, its length, and the digit of ISO/IEC 7812. */
export function isCardNumber(digits: ArrayLike<number>, count: number = digits.length): boolean {
  if (count < 13 || count > 19 || !hasLuhnDigit(digits, count)) return false;
  let lead = 0;
  for (let i = 0; i < 6; i++) lead = lead * 10 + digits[i]!;
  const known = ranges.some(
    ([first, last, ...lengths]) => lead >= first && lead <= last && lengths.includes(count),
  );
  return known && !(count === 13 && hasArticleDigit(digits));
}

/** Twice a digit, and the sum of the digits of that. */
const doubled = Uint8Array.of(0, 2, 4, 6, 8, 1, 3, 5, 7, 9);

function hasLuhnDigit(digits: ArrayLike<number>, count: number): boolean {
  let sum = 0;
  for (let i = count - 1; i >= 0; i -= 2) sum += digits[i]!;
  for (let i = count - 2; i >= 0; i -= 2) sum += doubled[digits[i]!]!;
  return sum % 10 === 0;
}

/** EAN-13: German articles begin like the short cards that nobody issues any more. */
function hasArticleDigit(digits: ArrayLike<number>): boolean {
  let sum = 0;
  for (let i = 0; i < 13; i++) sum += digits[i]! * (i % 2 === 0 ? 1 : 3);
  return sum % 10 === 0;
}

/** By the two letters as a number: 26 times the first and the second, A being 0. */
const lengthByLetters = new Uint8Array(26 * 26);
for (const [country, length] of ibanLengths) {
  lengthByLetters[(country.charCodeAt(0) - 65) * 26 + country.charCodeAt(1) - 65] = length;
}

/** Of all numbers that come up on the way: a look-up is quicker than a division. Made for the first IBAN. */
let remainders: Uint8Array | undefined;

function madeRemainders(): Uint8Array {
  const made = new Uint8Array(96 * 100 + 36);
  for (let i = 0; i < made.length; i++) made[i] = i % 97;
  return made;
}

/** How long an IBAN of this country is, by its letters in any case; 0 where there is none. */
export function ibanLength(first: number, second: number): number {
  return lengthByLetters[((first | 32) - 97) * 26 + (second | 32) - 97] ?? 0;
}

/** Goes on with the remainder by 97 of a number in which letters count as 10 to 35. */
export function mod97(rest: number, code: number): number {
  remainders ??= madeRemainders();
  return remainders[code < 58 ? rest * 10 + code - 48 : rest * 100 + (code | 32) - 87]!;
}
