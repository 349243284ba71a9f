/**
 * Headers added where Node turns them into text. `_storeHeader` is the one place that every form of headers passes
 * (`setHeader`, `writeHead` with an object, a flat or a nested array, array headers of a client request, which are
 * rendered before any channel tells of it). A line put behind the first one neither shows in `getHeaders` nor
 * changes what the app's own calls mean: after `setHeader`, `writeHead` with nested arrays would throw.
 */
import type { IncomingMessage, OutgoingMessage } from 'node:http';
import type { Exchange, exchangeKey } from './body-events.ts';
import { override } from './override.ts';

type Rendered = OutgoingMessage & { [exchangeKey]?: Exchange; req?: IncomingMessage };
type StoreHeader = (this: Rendered, firstLine: string, headers: unknown) => unknown;

/** Lines to add, each ended by CRLF; empty for none. `headers` is what the app set. */
export type AddLines<M> = (message: M, headers: unknown) => string;

/** Asks `add` for further header lines of every message of this class. */
export function addHeaderLines<M extends OutgoingMessage>(prototype: M, add: AddLines<M>): () => void {
  return override(prototype, '_storeHeader', (original: StoreHeader): StoreHeader => {
    return function storeHeader(firstLine, headers) {
      return original.call(this, firstLine + add(this as unknown as M, headers), headers);
    };
  });
}

/** Whether the app set this header (lower case), in any of the forms Node takes. */
export function carries(headers: unknown, lowerName: string): boolean {
  if (Array.isArray(headers)) return arrayCarries(headers, lowerName);
  for (const name in headers as object) if (same(name, lowerName)) return true;
  return false;
}

function arrayCarries(headers: readonly unknown[], lowerName: string): boolean {
  if (Array.isArray(headers[0])) return headers.some((entry) => same((entry as unknown[])[0], lowerName));
  for (let at = 0; at < headers.length; at += 2) if (same(headers[at], lowerName)) return true;
  return false;
}

function same(name: unknown, lowerName: string): boolean {
  return typeof name === 'string' && name.length === lowerName.length && name.toLowerCase() === lowerName;
}

const illegal = /[^\t\x20-\x7e\x80-\xff]/;

/** One header line; nothing for a value that must not stand in a header. */
export function headerLine(name: string, value: string): string {
  return illegal.test(value) ? '' : `${name}: ${value}\r\n`;
}
