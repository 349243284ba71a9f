/** Takes the secrets out of a span as it ends, before any processor or exporter gets it (A62). */
import { redaction } from '../processing/redact.ts';

/** As much of an ended span as is needed here. What is not writable stays, so its parts are changed in place. */
interface EndedSpan {
  name: string;
  readonly attributes: object;
  readonly status: { message?: string };
  readonly events: readonly { name: string; readonly attributes?: object }[];
  readonly links: readonly { readonly attributes?: object }[];
}

/** OpenTelemetry's `SpanProcessor`, structurally. */
export interface Redactor {
  onStart(span: unknown): void;
  onEnd(span: unknown): void;
  forceFlush(): Promise<void>;
  shutdown(): Promise<void>;
}

/**
 * Stands before everything that reads ended spans, official processors of the user's too: they all get this one
 * object. What a processor reads while a span is still running has not been through here.
 */
export const redactor: Redactor = {
  onStart() {},
  onEnd(span) {
    try {
      if (redaction().isOn) clean(span as EndedSpan);
    } catch {
      // A span of another make that does not let itself be written: its attributes were objects of its own.
    }
  },
  async forceFlush() {},
  async shutdown() {},
};

function clean(span: EndedSpan): void {
  cleanInPlace(span.attributes);
  cleanName(span);
  const { message } = span.status;
  if (message) span.status.message = redaction().text(message);
  for (const event of span.events) {
    cleanName(event);
    cleanInPlace(event.attributes);
  }
  for (const link of span.links) cleanInPlace(link.attributes);
}

function cleanName(named: { name: string }): void {
  const name = redaction().text(named.name);
  if (name !== named.name) named.name = name;
}

function cleanInPlace(attributes: object | undefined): void {
  if (attributes === undefined) return;
  const cleaned = redaction().attributes(attributes);
  if (cleaned === attributes) return;
  for (const key of Object.keys(attributes)) {
    if (!Object.hasOwn(cleaned, key)) delete (attributes as Record<string, unknown>)[key];
  }
  Object.assign(attributes, cleaned);
}
