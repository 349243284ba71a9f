/** Names that people give: of spans, instruments, levels, events. Nothing here throws. */
import { safeText } from './limits.ts';

/** `value` as a name of at most `longest` characters; what is no text is described, not written out. */
export function nameText(value: unknown, longest = 1_000): string {
  if (typeof value === 'string') return safeText(value, longest);
  try {
    return safeText(isObject(value) ? Object.prototype.toString.call(value) : String(value), longest);
  } catch {
    return '[unreadable]';
  }
}

function isObject(value: unknown): boolean {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
