/** What equal errors have in common: one short text for a throw site, whatever ids are in the message (A61). */
import { errorNotes } from './error-notes.ts';
import { isError, kindOfThrown, memberOf } from './error-shape.ts';

const longestChain = 5;
/** Node keeps 10 frames by default; who keeps more has his own code among the first ones, too. */
const mostFrames = 12;
const longestMessage = 300;
const frameLead = '\n    at ';

/**
 * 16 hex digits, equal for errors of one class, code and throw site, and of causes of which the same is true. The
 * throw site is the first frame of the app's own code with its line and column, and the function of a package or of
 * Node where that one threw. The message counts only where there is no stack, without its numbers, ids and quotations.
 *
 * Paths are told from the folder that the process was started in. Where Node maps stacks to their sources
 * (`--enable-source-maps`), the mapped site is taken: two builds of one source have one fingerprint.
 */
export function fingerprintOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null) return hashed(linkText(thrown));
  // One record is written more than once.
  const notes = errorNotes.open(thrown);
  notes.fingerprint ??= hashed(chainText(thrown));
  return notes.fingerprint;
}

function chainText(thrown: object): string {
  let text = linkText(thrown);
  let at = nextLink(thrown);
  for (let i = 1; i < longestChain && at !== undefined && at !== null; i++) {
    text += `\n${linkText(at)}`;
    at = nextLink(at);
  }
  return text;
}

function nextLink(thrown: unknown): unknown {
  if (typeof thrown !== 'object' || thrown === null) return undefined;
  const errors = memberOf(thrown, 'errors');
  return memberOf(thrown, 'cause') ?? (isError(thrown) && isList(errors) ? memberOf(errors, 0) : undefined);
}

function linkText(thrown: unknown): string {
  const type = kindOfThrown(thrown);
  if (typeof thrown !== 'object' || thrown === null) return `${type} ${withoutIds(textOf(thrown))}`;
  const said = memberOf(thrown, 'message');
  const message = typeof said === 'string' ? said : '';
  const code = memberOf(thrown, 'code');
  const stack = memberOf(thrown, 'stack');
  const site = typeof stack === 'string' ? siteIn(stack, message) : '';
  return `${type} ${isName(code) ? code : ''} ${site === '' ? withoutIds(message) : site}`;
}

/** `ECONNREFUSED`, `ERR_INVALID_ARG_TYPE`, SQLSTATE `23505`: what may be an id of something does not count. */
function isName(code: unknown): code is string {
  return typeof code === 'string' && /^(?:[A-Z][A-Z_]{2,59}|ERR_[A-Z0-9_]{1,60}|[0-9A-Z]{5})$/.test(code);
}

/** The first own frame, behind the function that threw if that is not the app's. Nothing where there are no frames. */
function siteIn(stack: string, message: string): string {
  let at = stack.indexOf(frameLead, endOfHead(stack, message));
  let thrower = '';
  for (let i = 0; i < mostFrames && at >= 0; i++) {
    const start = at + frameLead.length;
    const end = stack.indexOf('\n', start);
    const { own, text } = frameOf(stack.slice(start, end < 0 ? undefined : end));
    if (own) return thrower + text;
    if (thrower === '') thrower = `${text} < `;
    at = end < 0 ? -1 : stack.indexOf(frameLead, end);
  }
  return thrower;
}

interface Frame {
  readonly own: boolean;
  readonly text: string;
}

/** Throw sites are few, and return. */
const frames = new Map<string, Frame>();
const mostKept = 1_000;

function frameOf(line: string): Frame {
  const found = frames.get(line);
  if (found !== undefined) return found;
  const own = isOwn(line);
  const frame = { own, text: own ? placeOf(line) : withoutPlace(line) };
  if (frames.size < mostKept && line.length < longestMessage) frames.set(line, frame);
  return frame;
}

/** A message may quote a stack. */
function endOfHead(stack: string, message: string): number {
  const at = message === '' ? -1 : stack.indexOf(message);
  return at < 0 ? 0 : at + message.length;
}

function isOwn(frame: string): boolean {
  const at = frame.lastIndexOf('(') + 1;
  if (frame.startsWith('node:', at) || frame.includes('node_modules')) return false;
  return !frame.startsWith('<anonymous>', at) && !frame.startsWith('native', at) && /:\d+\)?$/.test(frame);
}

/** `src/orders.ts:12:9`: it says all that a function's name, minified or not, could add. */
function placeOf(frame: string): string {
  return frame
    .slice(frame.lastIndexOf('(') + 1)
    .replace(/^async /, '')
    .replace('file://', '')
    .replace(startFolder, '')
    .replace(/\?[^:)]*(?=:\d+:\d+\)?$)/, '')
    .replace(/\)$/, '');
}

/** Lines move with every version of a package and of Node; their folders move with every install. */
function withoutPlace(frame: string): string {
  return frame
    .replace(/^async /, '')
    .replace(/(?:\(|^)[^(]*node_modules[\\/]/, '(')
    .replace(/:\d+(?::\d+)?\)?$/, '');
}

const startFolder = folder();

function folder(): string {
  try {
    return `${process.cwd()}/`;
  } catch {
    return '/';
  }
}

/** What differs between two equal errors: quotations, addresses, ids, numbers. */
function withoutIds(message: string): string {
  return message
    .slice(0, longestMessage)
    .replace(/"[^"]*"|'[^']*'|`[^`]*`/g, '#')
    .replace(/[^\s/@]+@[^\s/@]+/g, '#')
    .replace(/[\w-]*\d[\w-]*/g, '#');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function isList(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false;
  }
}

let lastText = '';
let lastHash = '';

/** Errors come in runs of one kind. */
function hashed(text: string): string {
  if (text === lastText) return lastHash;
  lastText = text;
  lastHash = hash(text);
  return lastHash;
}

/** FNV-1a over two seeds, 64 bits: equal texts meet, and nobody is meant to go back. */
function hash(text: string): string {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    a = Math.imul(a ^ code, 0x01000193);
    b = Math.imul(b ^ code, 0x85ebca6b);
    b ^= b >>> 13;
  }
  return hex(a) + hex(b);
}

function hex(number: number): string {
  return (number >>> 0).toString(16).padStart(8, '0');
}
