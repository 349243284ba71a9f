/** How much memory a record that waits keeps alive: an estimate that costs little and never runs away. */
import type { LogRecord } from './record.ts';

/** Bytes of a record without any field, and of one member. */
const base = 400;
const member = 32;
/** What lies deeper, or comes later, is not looked at: it is charged as if it were as much again. */
const deepest = 3;
const mostMembers = 100;

/** Estimated bytes. Never throws. */
export function weightOf(record: LogRecord): number {
  let weight = base + record.message.length;
  for (const part of [record.fields, record.bound, record.error, record.body]) {
    if (part !== undefined) weight += weigh(part, 0);
  }
  return weight;
}

function weigh(value: unknown, depth: number): number {
  if (typeof value === 'string') return member + value.length;
  if (typeof value !== 'object' || value === null) return member;
  if (ArrayBuffer.isView(value)) return member + value.byteLength;
  if (depth >= deepest) return member * 4;
  try {
    if (Array.isArray(value)) return weighItems(value, depth);
    return weighMembers(value as Record<string, unknown>, depth);
  } catch {
    return member * 4;
  }
}

function weighItems(items: readonly unknown[], depth: number): number {
  let weight = member;
  for (const item of items.slice(0, mostMembers)) weight += weigh(item, depth + 1);
  return items.length > mostMembers ? (weight * items.length) / mostMembers : weight;
}

function weighMembers(value: Record<string, unknown>, depth: number): number {
  const keys = Object.keys(value);
  let weight = member + (value instanceof Error ? (value.stack?.length ?? 0) : 0);
  for (const key of keys.slice(0, mostMembers)) {
    // An accessor may do anything; what it would give is not kept alive by the record.
    const { value: inner } = Object.getOwnPropertyDescriptor(value, key) ?? {};
    weight += key.length + weigh(inner, depth + 1);
  }
  return keys.length > mostMembers ? (weight * keys.length) / mostMembers : weight;
}
