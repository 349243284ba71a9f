/** Attributes that are made for one span and are nobody else's: Sonde's own spans take the object as it is. */
import type { Attributes, Span } from '@opentelemetry/api';

interface Adopting {
  adopt?(attributes: Attributes): void;
}

/** As `span.setAttributes`. The object holds plain values, none of them undefined, and is not touched afterwards. */
export function giveAttributes(span: Span & Adopting, attributes: Attributes): void {
  if (span.adopt === undefined) span.setAttributes(attributes);
  else span.adopt(attributes);
}
