/** An event in the form in which it travels. */
import type { ErrorEvent } from '../../src/logs/error-event.ts';

/** What one request carries. */
export interface Envelope {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Three lines of JSON: what is sent, what kind of item follows, the item. */
export function envelopeBody(event: ErrorEvent): string {
  const item = JSON.stringify(event);
  const head = { event_id: event.event_id, sent_at: new Date().toISOString(), sdk: event.sdk };
  const kind = { type: 'event', content_type: 'application/json', length: Buffer.byteLength(item) };
  return `${JSON.stringify(head)}\n${JSON.stringify(kind)}\n${item}\n`;
}
