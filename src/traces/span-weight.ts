/** How much memory an ended span keeps alive: an estimate that costs little. */
import type { ReadableSpan } from '@opentelemetry/sdk-trace';

/** Bytes of a span without any attribute, of an event or a link, and of a value. Names are shared by all spans. */
const base = 800;
const part = 200;
const value = 32;

/** Estimated bytes. */
export function spanWeight({ name, attributes, events, links }: ReadableSpan): number {
  let weight = base + name.length + attributesWeight(attributes);
  for (const event of events) weight += part + attributesWeight(event.attributes);
  for (const link of links) weight += part + attributesWeight(link.attributes);
  return weight;
}

function attributesWeight(attributes: ReadableSpan['attributes'] | undefined): number {
  let weight = 0;
  for (const key in attributes) {
    const given = attributes[key];
    weight += value;
    if (typeof given === 'string') weight += given.length;
    else if (Array.isArray(given)) for (const item of given) weight += value + String(item).length;
  }
  return weight;
}
