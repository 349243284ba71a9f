/**
 * Log records in protobuf, straight from Sonde's own record. What returns with every record (names, the ids of a
 * span, bound attributes) is encoded once and kept; a record that is unusual in any way goes the long way.
 */
import type { Stamp } from '../../src/context/correlation.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { safeMember, safeText, toAnyValue, type ValueLimits } from '../../src/processing/limits.ts';
import { needsPath, perKey, redactCard, redactText } from '../../src/processing/redact.ts';
import { type ChunkWriter, fixed32Field, fixed64Field, lengthField, varintField } from './chunk-writer.ts';
import {
  attributeLimit,
  errorAttributes,
  eventNameOf,
  hrTimeOf,
  type LogShape,
  logLimits,
  toReadableLog,
} from './log-record.ts';
import { type Codec, logOriginsOf, Packed, withWriter } from './packed.ts';
import { protobufRequest } from './protobuf-request.ts';
import {
  encodedApart,
  keyBytes,
  originForm,
  writeAttribute,
  writeAttributes,
  writeValue,
} from './protobuf-values.ts';

/** In ScopeLogs. */
const logRecord = lengthField(2);
/** In LogRecord. */
const field = {
  time: fixed64Field(1),
  severityNumber: varintField(2),
  severityText: lengthField(3),
  body: lengthField(5),
  attributes: lengthField(6),
  droppedAttributesCount: varintField(7),
  flags: fixed32Field(8),
  traceId: lengthField(9),
  spanId: lengthField(10),
  observedTime: fixed64Field(11),
  eventName: lengthField(12),
};

/** ExportLogsServiceRequest. */
export function protobufLogs(shape: LogShape): Codec<LogRecord> {
  const write = logWriter(shape);
  const lend = withWriter();
  const origins = logOriginsOf(originForm, shape.resource);
  return {
    pack(record) {
      const content = lend((writer) => {
        write(writer, record);
        return writer.cut();
      });
      return new Packed(origins(record.logger), content, record.severityNumber);
    },
    request: protobufRequest,
  };
}

function logWriter(shape: LogShape): (writer: ChunkWriter, record: LogRecord) => void {
  const limits = logLimits(shape);
  const usual = usualWriter(shape, limits);

  function head(writer: ChunkWriter, record: LogRecord): void {
    const [seconds, nanos] = hrTimeOf(record.time);
    writer.time(field.time, seconds, nanos);
    writer.time(field.observedTime, seconds, nanos);
    writer.varint(field.severityNumber, record.severityNumber);
    writer.string(field.severityText, record.level);
    writeValue(writer, field.body, toBody(record.message, limits));
    const eventName = eventNameOf(record);
    if (eventName) writer.string(field.eventName, eventName);
  }

  function longWay(writer: ChunkWriter, record: LogRecord): void {
    const { attributes, droppedAttributesCount, spanContext } = toReadableLog(record, shape, limits);
    writeAttributes(writer, field.attributes, attributes);
    if (droppedAttributesCount > 0) writer.varint(field.droppedAttributesCount, droppedAttributesCount);
    if (spanContext !== undefined) writeIds(writer, record.stamp);
  }

  return (writer, record) => {
    const opened = writer.open(logRecord);
    head(writer, record);
    const mark = writer.position;
    if (!usual(writer, record)) {
      writer.rewind(mark);
      longWay(writer, record);
    }
    writer.close(opened);
  };
}

function toBody(message: unknown, { stringLength }: ValueLimits): unknown {
  const isUsual = typeof message === 'string' && message.length <= stringLength;
  return isUsual ? redactText(message) : toAnyValue(message);
}

function writeIds(writer: ChunkWriter, { traceId, spanId, traceFlags }: Stamp): void {
  if (!traceId || !spanId) return;
  writer.fixed32(field.flags, traceFlags);
  writer.hex(field.traceId, traceId);
  writer.hex(field.spanId, spanId);
}

type Members = Readonly<Record<string, unknown>>;

interface Name {
  readonly key: Uint8Array;
  /** It goes out as it is, and nothing else can go out under it. */
  readonly isPlain: boolean;
  /** Its values are to be hidden, or that depends on where it stands. */
  readonly isDelicate: boolean;
}

const reserved = /^(?:attributes\.|exception\.|error\.|correlation_id$|request_id$)/;

const nameOf: (key: string) => Name = perKey((key, mask) => ({
  key: keyBytes(key),
  isPlain: !reserved.test(key) && safeText(redactText(key)) === key,
  isDelicate: mask !== undefined || needsPath(key),
}));

/** Writes the ids and attributes of a usual record. `false`: it is none, and what was written is to be forgotten. */
type WriteUsual = (writer: ChunkWriter, record: LogRecord) => boolean;

function usualWriter(shape: LogShape, limits: ValueLimits): WriteUsual {
  const most = attributeLimit(shape);
  const writeStamp = stampWriter(shape.requestId === true);

  /** How many attributes there are now; more than there may be where one is unusual. */
  function members(writer: ChunkWriter, source: Members | undefined, before: number): number {
    if (source === undefined) return before;
    let count = before;
    for (const key of Object.keys(source)) {
      const name = nameOf(key);
      if (!name.isPlain || count > most) return Infinity;
      const value = name.isDelicate ? safeMember(source, key, limits) : usualValue(source, key, limits);
      if (value === undefined) continue;
      writeAttribute(writer, field.attributes, name.key, value);
      count++;
    }
    return count;
  }

  return (writer, record) => {
    const { stamp, fields, bound } = record;
    try {
      if (shareNames(fields, bound, stamp.attributes)) return false;
      let count = writeStamp(writer, stamp);
      if (record.error !== undefined) {
        const attributes = errorAttributes(record, limits, shape);
        writeAttributes(writer, field.attributes, attributes);
        count += Object.keys(attributes).length;
      }
      count = members(writer, fields, count);
      count = members(writer, bound, count);
      return members(writer, stamp.attributes, count) <= most;
    } catch {
      // A getter or a Proxy that throws: the long way tells what it can of it.
      return false;
    }
  };
}

/** What `safeMember` would give, without its detours. */
function usualValue(source: Members, key: string, limits: ValueLimits): unknown {
  const value = source[key];
  switch (typeof value) {
    case 'string':
      return value.length <= limits.stringLength ? usualText(value, limits) : safeMember(source, key, limits);
    case 'number':
      return redactCard(value);
    case 'boolean':
    case 'undefined':
      return value;
    default:
      return safeMember(source, key, limits);
  }
}

function usualText(text: string, { stringLength }: ValueLimits): string {
  const clean = redactText(text);
  return clean === text ? text : safeText(clean, stringLength);
}

/** A name that two of them have is a matter of precedence. */
function shareNames(
  fields: Members | undefined,
  bound: Members | undefined,
  context: Members | undefined,
): boolean {
  return overlap(bound, fields) || overlap(context, fields) || overlap(context, bound);
}

function overlap(few: Members | undefined, others: Members | undefined): boolean {
  if (few === undefined || others === undefined) return false;
  for (const key in few) if (Object.hasOwn(others, key)) return true;
  return false;
}

/**
 * Records come in runs of one span: from the second one on its ids are kept encoded. Gives back how many attributes
 * are among them.
 */
function stampWriter(requestId: boolean): (writer: ChunkWriter, stamp: Stamp) => number {
  let last: Stamp | undefined;
  let bytes: Uint8Array | undefined;
  let count = 0;

  function write(writer: ChunkWriter, stamp: Stamp): void {
    count = writeId(writer, correlationKey, stamp.correlationId);
    if (requestId) count += writeId(writer, requestKey, stamp.requestId);
    writeIds(writer, stamp);
  }

  return (writer, stamp) => {
    if (last === undefined || !isSame(last, stamp)) {
      last = stamp;
      bytes = undefined;
      write(writer, stamp);
      return count;
    }
    bytes ??= encodedApart((apart) => write(apart, stamp));
    writer.raw(bytes);
    return count;
  };
}

const correlationKey = keyBytes('correlation_id');
const requestKey = keyBytes('request_id');

function writeId(writer: ChunkWriter, key: Uint8Array, id: string | undefined): number {
  if (id === undefined) return 0;
  writer.textAttribute(field.attributes, key, safeText(id));
  return 1;
}

function isSame(a: Stamp, b: Stamp): boolean {
  return (
    a.spanId === b.spanId &&
    a.traceId === b.traceId &&
    a.correlationId === b.correlationId &&
    a.requestId === b.requestId &&
    a.traceFlags === b.traceFlags
  );
}
