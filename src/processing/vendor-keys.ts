/** Keys that say by their first characters whose they are. */

const upper = 1;
const lower = 2;
const digit = 4;
const underscore = 8;
const dash = 16;
const dot = 32;
const slash = 64;
const hex = 128;
const alnum = upper | lower | digit;
const word = alnum | underscore | dash;

interface Shape {
  readonly prefix: string;
  /** The code of its last character. */
  readonly last: number;
  /** The code of its fourth character, 0 where it is shorter. */
  readonly fourth: number;
  /** What follows the prefix is made of these. */
  readonly signs: number;
  readonly least: number;
  /** The same number where the length is fixed. */
  readonly most: number;
}

function shape(prefix: string, signs: number, least: number, most = Number.POSITIVE_INFINITY): Shape {
  const last = prefix.charCodeAt(prefix.length - 1);
  return { prefix, last, fourth: prefix.length > 3 ? prefix.charCodeAt(3) : 0, signs, least, most };
}

const shapes: readonly Shape[] = [
  // Amazon, Google, Azure, DigitalOcean, Databricks
  ...['AKIA', 'ASIA', 'ABIA', 'ACCA'].map((prefix) => shape(prefix, upper | digit, 16, 16)),
  shape('AIza', word, 35, 35),
  shape('GOCSPX-', word, 20),
  shape('ya29.', word | dot, 20),
  ...['dop_v1_', 'doo_v1_', 'dor_v1_'].map((prefix) => shape(prefix, hex, 64, 64)),
  shape('dapi', hex, 32, 34),
  // Code hosts and package registries
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((prefix) => shape(prefix, alnum, 30)),
  shape('github_pat_', alnum | underscore, 22),
  ...['glpat-', 'gldt-', 'glrt-', 'glcbt-', 'glptt-', 'glft-', 'glsoat-', 'gloas-'].map((prefix) =>
    shape(prefix, word | dot, 20),
  ),
  shape('npm_', alnum, 36, 36),
  shape('pypi-', word, 50),
  shape('rubygems_', hex, 48, 48),
  shape('ATATT3x', word | dot, 20),
  // Chat, mail, telephony
  ...['xoxb-', 'xoxp-', 'xoxa-', 'xoxo-', 'xoxr-', 'xoxs-', 'xoxe-', 'xoxe.', 'xapp-'].map((prefix) =>
    shape(prefix, word | dot, 10),
  ),
  shape('hooks.slack.com/services/', word | slash, 20),
  shape('SK', hex, 32, 32),
  shape('SG.', word | dot, 40),
  shape('key-', hex, 32, 32),
  shape('xkeysib-', word, 40),
  // Payment and shops
  ...['sk_live_', 'rk_live_', 'sk_test_', 'rk_test_', 'whsec_', 'sk_prod_'].map((prefix) =>
    shape(prefix, word, 10),
  ),
  ...['shpat_', 'shpss_', 'shpca_', 'shppa_'].map((prefix) => shape(prefix, hex, 32, 32)),
  // Models and tools
  ...['sk-ant-', 'sk-proj-', 'sk-svcacct-', 'sk-admin-', 'sk-or-v1-', 'sk-lf-'].map((prefix) =>
    shape(prefix, word, 16),
  ),
  shape('sk-', alnum, 20),
  shape('gsk_', alnum, 40),
  shape('hf_', alnum, 30),
  shape('hvs.', word, 20),
  shape('hvb.', word, 20),
  shape('sntrys_', word, 20),
  shape('PMAK-', word, 30),
  shape('NRAK-', upper | digit, 27),
  shape('lin_api_', alnum, 32),
  shape('figd_', word, 20),
  shape('AGE-SECRET-KEY-', upper | digit, 50),
];

const signsOf = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const sign = String.fromCharCode(code);
  if (sign >= 'A' && sign <= 'Z') signsOf[code] = upper;
  else if (sign >= 'a' && sign <= 'z') signsOf[code] = sign <= 'f' ? lower | hex : lower;
  else if (sign >= '0' && sign <= '9') signsOf[code] = digit | hex;
  else signsOf[code] = { _: underscore, '-': dash, '.': dot, '/': slash }[sign] ?? 0;
}

const byFirstTwo = new Map<number, Shape[]>();
for (const each of shapes) {
  const pair = pairOf(each.prefix.charCodeAt(0), each.prefix.charCodeAt(1));
  byFirstTwo.set(pair, [...(byFirstTwo.get(pair) ?? []), each]);
}

/** A number for two characters; a few other pairs share it. */
export function pairOf(first: number, second: number): number {
  return ((first & 63) << 6) | (second & 63);
}

/** The pairs that a key may begin with. */
export const vendorPairs: readonly number[] = [...byFirstTwo.keys()];

/** Where the key that begins at `start` ends; 0 where none does. */
export function vendorKeyEnd(text: string, start: number): number {
  const pair = pairOf(text.charCodeAt(start), text.charCodeAt(start + 1));
  const next = start + 3 < text.length ? text.charCodeAt(start + 3) : 0;
  for (const { prefix, last, fourth, signs, least, most } of byFirstTwo.get(pair) ?? []) {
    // Two characters tell most of them apart: one look each in place of a call.
    if (fourth !== 0 && fourth !== next) continue;
    const from = start + prefix.length;
    if (from > text.length || text.charCodeAt(from - 1) !== last || !text.startsWith(prefix, start)) continue;
    const end = runEnd(text, from, signs, most + 1);
    if (end - from >= least && end - from <= most) return end;
  }
  return 0;
}

function runEnd(text: string, from: number, signs: number, most: number): number {
  const last = Math.min(text.length, from + most);
  let end = from;
  while (end < last && (signsOf[text.charCodeAt(end)]! & signs) !== 0) end++;
  return end;
}
