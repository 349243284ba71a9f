/** The `baggage` header, W3C Baggage: at most 64 members in 8,192 bytes. */

import {
  type Baggage,
  type BaggageEntry,
  baggageEntryMetadataFromString,
  propagation,
} from '@opentelemetry/api';
import { diagnostics } from '../diagnostics.ts';
import { redactKey, redactText } from '../processing/redact.ts';
import { wellFormed } from '../processing/well-formed.ts';

const maxMembers = 64;
const maxBytes = 8192;
const keyShape = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const valueShape = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/;
const metadataShape = /^[\x20-\x2b\x2d-\x7e\t]*$/;

/**
 * What a header carries; a member that is wrong is dropped alone, and so is everything past the limits.
 * `undefined` when nothing is left.
 */
export function parseBaggage(header: string): Baggage | undefined {
  const entries: Record<string, BaggageEntry> = Object.create(null);
  let count = 0;
  for (const member of withinBytes(header).split(',')) {
    const parsed = parseMember(member);
    if (parsed === undefined) continue;
    entries[parsed[0]] = parsed[1];
    if (++count === maxMembers) break;
  }
  return count === 0 ? undefined : propagation.createBaggage(entries);
}

/** The whole members among the first 8,192 bytes: a member that is cut is no member. */
function withinBytes(header: string): string {
  if (header.length <= maxBytes) return header;
  return header.slice(0, Math.max(header.lastIndexOf(',', maxBytes), 0));
}

function parseMember(member: string): [string, BaggageEntry] | undefined {
  const semicolon = member.indexOf(';');
  const pair = semicolon < 0 ? member : member.slice(0, semicolon);
  const equals = pair.indexOf('=');
  if (equals < 0) return undefined;
  const key = pair.slice(0, equals).trim();
  const value = pair.slice(equals + 1).trim();
  const metadata = semicolon < 0 ? '' : member.slice(semicolon + 1).trim();
  if (!keyShape.test(key) || !valueShape.test(value) || !metadataShape.test(metadata)) return undefined;
  try {
    return [decode(key), entryOf(decode(value), metadata)];
  } catch {
    return undefined;
  }
}

function decode(text: string): string {
  return text.includes('%') ? decodeURIComponent(text) : text;
}

function entryOf(value: string, metadata: string): BaggageEntry {
  return metadata === '' ? { value } : { value, metadata: baggageEntryMetadataFromString(metadata) };
}

/**
 * The header for `baggage`, cut after the last member that keeps within the limits; empty when there is none. A member
 * that is a secret stays at home: masked, it would be taken for a value there.
 */
export function formatBaggage(baggage: Baggage): string {
  let header = '';
  let count = 0;
  for (const [key, entry] of baggage.getAllEntries()) {
    if (isSecretMember(key, entry.value)) continue;
    const member = formatMember(key, entry);
    if (header.length + member.length + 1 > maxBytes) continue;
    header += header === '' ? member : `,${member}`;
    if (++count === maxMembers) break;
  }
  return header;
}

function isSecretMember(key: string, value: unknown): boolean {
  const text = String(value);
  if (!redactKey(key) && redactText(text) === text && redactText(key) === key) return false;
  diagnostics.count('baggage.redacted');
  return true;
}

function formatMember(key: string, entry: BaggageEntry): string {
  const pair = `${encodeKey(key)}=${encode(entry.value)}`;
  const metadata = entry.metadata?.toString() ?? '';
  return metadata !== '' && metadataShape.test(metadata) ? `${pair};${metadata}` : pair;
}

/** `encodeURIComponent` leaves parentheses, which a key may not have. */
function encodeKey(key: string): string {
  return encode(key).replace(/[()]/g, (char) => (char === '(' ? '%28' : '%29'));
}

/** Lone surrogates have no UTF-8, and `encodeURIComponent` throws on them. */
function encode(text: unknown): string {
  return encodeURIComponent(wellFormed(String(text)));
}
