/** ExportLogsServiceRequest and ExportTraceServiceRequest around items that are encoded already. */

import { type Cut, lengthField, varintSize, writeLength } from './chunk-writer.ts';
import type { Origin, Packed } from './packed.ts';

/** ResourceLogs or ResourceSpans in the request; both messages number their fields alike. */
const resourceGroup = lengthField(1);
/** ScopeLogs or ScopeSpans in it. */
const scopeGroup = lengthField(2);

interface Group {
  readonly head: Uint8Array;
  readonly size: number;
  readonly items: readonly Packed[];
}

/** Copies each item once, whole runs of them at a time where they lie one behind the other. */
export function protobufRequest(items: readonly Packed[]): Uint8Array {
  const resources = [...Map.groupBy(items, ({ origin }) => origin.resource)].map(([resource, members]) => {
    const scopes = [...Map.groupBy(members, ({ origin }) => origin)].map(scopeOf);
    const head = resource as Uint8Array;
    const size = scopes.reduce((sum, scope) => sum + nestedSize(scope.size), head.length);
    return { head, scopes, size };
  });
  const body = Buffer.allocUnsafeSlow(resources.reduce((sum, { size }) => sum + nestedSize(size), 0));
  let at = 0;
  for (const { head, scopes, size } of resources) {
    at = writeHead(body, at, resourceGroup, size, head);
    for (const scope of scopes) {
      at = writeHead(body, at, scopeGroup, scope.size, scope.head);
      at = writeItems(body, at, scope.items);
    }
  }
  return body;
}

function scopeOf([{ scope }, items]: [Origin, Packed[]]): Group {
  const head = scope as Uint8Array;
  return { head, items, size: items.reduce((sum, item) => sum + item.weight, head.length) };
}

function nestedSize(size: number): number {
  return 1 + varintSize(size) + size;
}

function writeHead(body: Uint8Array, from: number, tag: number, size: number, head: Uint8Array): number {
  body[from] = tag;
  const at = writeLength(body, from + 1, size);
  body.set(head, at);
  return at + head.length;
}

function writeItems(body: Uint8Array, from: number, items: readonly Packed[]): number {
  const cuts = items.map(({ content }) => content as Cut);
  let at = from;
  let next = 0;
  while (next < cuts.length) {
    const { chunk, start, end } = cuts[next++] as Cut;
    let last = end;
    for (; cuts[next]?.start === last && cuts[next]?.chunk === chunk; next++)
      last = cuts[next]?.end as number;
    body.set(chunk.subarray(start, last), at);
    at += last - start;
  }
  return at;
}
