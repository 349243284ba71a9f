/** Spans in protobuf: whatever has the shape of the official ReadableSpan. */
import type { HrTime, SpanContext } from '@opentelemetry/api';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import { type ChunkWriter, fixed32Field, fixed64Field, lengthField, varintField } from './chunk-writer.ts';
import { type Codec, originsOf, Packed, withWriter } from './packed.ts';
import { protobufRequest } from './protobuf-request.ts';
import { originForm, writeAttributes } from './protobuf-values.ts';

/** In ScopeSpans. */
const span = lengthField(2);
/** In Span. */
const field = {
  traceId: lengthField(1),
  spanId: lengthField(2),
  traceState: lengthField(3),
  parentSpanId: lengthField(4),
  name: lengthField(5),
  kind: varintField(6),
  startTime: fixed64Field(7),
  endTime: fixed64Field(8),
  attributes: lengthField(9),
  droppedAttributesCount: varintField(10),
  events: lengthField(11),
  droppedEventsCount: varintField(12),
  links: lengthField(13),
  droppedLinksCount: varintField(14),
  status: lengthField(15),
  flags: fixed32Field(16),
};
const eventField = {
  time: fixed64Field(1),
  name: lengthField(2),
  attributes: lengthField(3),
  droppedAttributesCount: varintField(4),
};
const linkField = {
  traceId: lengthField(1),
  spanId: lengthField(2),
  traceState: lengthField(3),
  attributes: lengthField(4),
  droppedAttributesCount: varintField(5),
  flags: fixed32Field(6),
};
const statusField = { message: lengthField(2), code: varintField(3) };

/** ExportTraceServiceRequest. */
export function protobufTraces(): Codec<ReadableSpan> {
  const lend = withWriter();
  const origins = originsOf(originForm);
  return {
    pack(given) {
      const origin = origins(given.resource, given.instrumentationScope);
      const content = lend((writer) => {
        writeSpan(writer, given);
        return writer.cut();
      });
      return new Packed(origin, content);
    },
    request: protobufRequest,
  };
}

function writeSpan(writer: ChunkWriter, given: ReadableSpan): void {
  const { parentSpanContext: parent, events, links } = given;
  const context = given.spanContext();
  const opened = writer.open(span);
  writeContext(writer, context);
  if (parent?.spanId) writer.hex(field.parentSpanId, parent.spanId);
  writer.string(field.name, String(given.name));
  writer.varint(field.kind, (given.kind ?? -1) + 1);
  writeTime(writer, field.startTime, given.startTime);
  writeTime(writer, field.endTime, given.endTime);
  writeAttributes(writer, field.attributes, given.attributes);
  writeCount(writer, field.droppedAttributesCount, given.droppedAttributesCount);
  for (const event of events) writeEvent(writer, event);
  writeCount(writer, field.droppedEventsCount, given.droppedEventsCount);
  for (const link of links) writeLink(writer, link);
  writeCount(writer, field.droppedLinksCount, given.droppedLinksCount);
  writeStatus(writer, given.status);
  writer.fixed32(field.flags, flags(context.traceFlags, parent?.isRemote));
  writer.close(opened);
}

/** The same field numbers in Span and in Link. */
function writeContext(writer: ChunkWriter, { traceId, spanId, traceState }: SpanContext): void {
  writer.hex(field.traceId, traceId);
  writer.hex(field.spanId, spanId);
  const state = traceState?.serialize();
  if (state) writer.string(field.traceState, state);
}

function writeEvent(writer: ChunkWriter, event: TimedEvent): void {
  const opened = writer.open(field.events);
  writeTime(writer, eventField.time, event.time);
  writer.string(eventField.name, String(event.name));
  writeAttributes(writer, eventField.attributes, event.attributes ?? {});
  writeCount(writer, eventField.droppedAttributesCount, event.droppedAttributesCount);
  writer.close(opened);
}

function writeLink(writer: ChunkWriter, link: ReadableSpan['links'][number]): void {
  const { context, attributes, droppedAttributesCount } = link;
  const opened = writer.open(field.links);
  writeContext(writer, context);
  writeAttributes(writer, linkField.attributes, attributes ?? {});
  writeCount(writer, linkField.droppedAttributesCount, droppedAttributesCount);
  writer.fixed32(linkField.flags, flags(context.traceFlags, context.isRemote));
  writer.close(opened);
}

function writeStatus(writer: ChunkWriter, { code, message }: ReadableSpan['status']): void {
  if (code === 0 && !message) return;
  const opened = writer.open(field.status);
  if (message) writer.string(statusField.message, String(message));
  writer.varint(statusField.code, code);
  writer.close(opened);
}

function writeTime(writer: ChunkWriter, tag: number, [seconds, nanos]: HrTime): void {
  writer.time(tag, seconds, nanos);
}

function writeCount(writer: ChunkWriter, tag: number, count: number | undefined): void {
  if (count) writer.varint(tag, count);
}

/** Bit 8 says that bit 9 is meant; bit 9 that the parent came from elsewhere. */
function flags(traceFlags: number, isRemote: boolean | undefined): number {
  return (traceFlags & 0xff) | 0x100 | (isRemote ? 0x200 : 0);
}
