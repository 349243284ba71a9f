/** Asks for one span among those of a call (A66). */
import { types } from 'node:util';
import { type Collected, collect } from './collect.ts';
import type { CollectedSpan } from './spans.ts';

/** What a span must be like; what is not named may be anything. */
export interface ExpectedSpan {
  readonly name?: string | RegExp;
  readonly kind?: CollectedSpan['kind'];
  readonly status?: CollectedSpan['status'];
  /** Each must be there with this value, or a text that matches. */
  readonly attributes?: Readonly<Record<string, unknown>>;
}

type Seen = Pick<Collected<unknown>, 'spans'>;

/**
 * The first span that is as expected: of what `collect` gave, or of a function that is run now.
 *
 * @throws Error when there is none, with the spans there are
 * @example
 * await expectSpan({ name: 'charge card', attributes: { 'order.id': 1042 } }, () => pay(order));
 */
export function expectSpan(expected: ExpectedSpan, seen: Seen): CollectedSpan;
export function expectSpan(expected: ExpectedSpan, fn: () => unknown): Promise<CollectedSpan>;
export function expectSpan(
  expected: ExpectedSpan,
  from: Seen | (() => unknown),
): CollectedSpan | Promise<CollectedSpan> {
  if (typeof from !== 'function') return found(expected, from);
  return collect(from).then((seen) => found(expected, seen));
}

function found(expected: ExpectedSpan, { spans }: Seen): CollectedSpan {
  const span = spans.find((each) => isLike(each, expected));
  if (span !== undefined) return span;
  const list = spans.map(
    ({ name, kind, status, attributes }) => `  ${told({ name, kind, status, attributes })}`,
  );
  const there = list.length === 0 ? 'No span has ended.' : `Ended:\n${list.join('\n')}`;
  throw new Error(`No span is like ${told(expected)}. ${there}`);
}

function isLike(span: CollectedSpan, { name, kind, status, attributes = {} }: ExpectedSpan): boolean {
  if (name !== undefined && !matches(span.name, name)) return false;
  if (kind !== undefined && span.kind !== kind) return false;
  if (status !== undefined && span.status !== status) return false;
  return Object.entries(attributes).every(([key, value]) => matches(span.attributes[key], value));
}

/** Not by `instanceof`: jest gives tests a RegExp of their own. */
function matches(actual: unknown, expected: unknown): boolean {
  if (types.isRegExp(expected)) return typeof actual === 'string' && expected.test(actual);
  if (!Array.isArray(expected)) return Object.is(actual, expected);
  return Array.isArray(actual) && JSON.stringify(actual) === JSON.stringify(expected);
}

function told(value: object): string {
  return JSON.stringify(value, (_key, inner) => (types.isRegExp(inner) ? String(inner) : inner));
}
