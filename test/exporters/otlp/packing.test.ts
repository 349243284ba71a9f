import type { Attributes } from '@opentelemetry/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { ChunkWriter } from '../../../exporters/otlp/chunk-writer.ts';
import { encodeLogs, encodeTraces, packLogs } from '../../../exporters/otlp/encoding.ts';
import type { LogShape } from '../../../exporters/otlp/log-record.ts';
import type { LogRecord } from '../../../src/logs/record.ts';
import { finishedSpans, logRecord } from '../../support/otlp-items.ts';
import { type Decoded, decode } from '../../support/otlp-schema.ts';

const shape: LogShape = { resource: { attributes: { 'service.name': 'shop' } } };

/** What a receiver makes of the records, by an independent protobuf library. */
function received(records: readonly LogRecord[], given: LogShape = shape): Decoded[] {
  const { resourceLogs } = decode('LogsRequest', encodeLogs('http/protobuf', given)(records));
  return resourceLogs.flatMap((resource: Decoded) =>
    resource.scopeLogs.flatMap((scope: Decoded) => scope.logRecords),
  );
}

/** The same by OTLP's JSON form, whose writer shares nothing with that of protobuf but the reading of the record. */
function told(records: readonly LogRecord[], given: LogShape = shape): any[] {
  const body = Buffer.from(encodeLogs('http/json', given)(records)).toString();
  return JSON.parse(body).resourceLogs[0].scopeLogs.flatMap((scope: any) => scope.logRecords);
}

/** An AnyValue of either form, alike in both. */
function plain(value: any): unknown {
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) return BigInt(value.intValue);
  if (value.doubleValue !== undefined) return Number(value.doubleValue);
  if (value.bytesValue !== undefined) return Buffer.from(value.bytesValue, 'base64').toString('hex');
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain);
  if (value.kvlistValue !== undefined) return byName(value.kvlistValue.values ?? []);
  return null;
}

function byName(attributes: readonly any[]): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key = '', value }) => [key, plain(value ?? {})]));
}

function attributesOf(record: LogRecord, given?: LogShape): Record<string, unknown> {
  return byName(received([record], given)[0]!.attributes);
}

const lengths = [0, 1, 39, 40, 41, 119, 120, 127, 128, 129, 5_460, 16_383, 16_384, 65_536];

describe('packing', () => {
  it('writes texts of every length, in every script, and makes lone surrogates whole', () => {
    const texts = lengths.flatMap((length) =>
      ['a', 'ü', '€', '𝄞', '\ud800'].map((sign) => sign.repeat(length)),
    );
    for (const text of texts) {
      const { note } = attributesOf(logRecord({ fields: { note: text } })) as { note: string };
      expect(note).to.equal(text.slice(0, 65_536).toWellFormed());
    }
  });

  it('writes numbers to the last bit', () => {
    const numbers = [
      0, -0, 1, 127, 128, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 62, -1, -128, -(2 ** 31),
      -(2 ** 53), -(2 ** 63), 2 ** 63, 0.1, -1e-300, Number.MAX_VALUE, Number.POSITIVE_INFINITY,
    ]; // biome-ignore format: a list
    for (const number of numbers) {
      const isInt = Number.isInteger(number) && number < 2 ** 63 && number >= -(2 ** 63);
      const { value } = attributesOf(logRecord({ fields: { value: number } }));
      expect(value).to.equal(isInt ? BigInt(number) : number);
    }
    expect(attributesOf(logRecord({ fields: { value: Number.NaN } })).value).to.be.NaN;
  });

  it('says the same in protobuf as in JSON, whatever a record holds', () => {
    const names = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.constantFrom('correlation_id', 'attributes.a', 'exception.type', 'password', 'a', 'b', 'error.seen'),
    );
    const fields = fc.dictionary(names, fc.anything({ withDate: true, withMap: true }), { maxKeys: 5 });
    const records = fc.record({
      fields: fc.option(fields, { nil: undefined }),
      bound: fc.option(fields, { nil: undefined }),
      message: fc.string({ unit: 'grapheme' }),
      time: fc.double({ min: 0, max: 4e12, noNaN: true }),
      error: fc.option(fc.string(), { nil: undefined }),
    });
    fc.assert(
      fc.property(records, fc.constantFrom(2, 5, 128), (given, attributeCountLimit) => {
        const limited = { ...shape, attributeCountLimit };
        const [binary] = received([logRecord(given)], limited);
        const [text] = told([logRecord(given)], limited);
        expect(byName(binary!.attributes)).to.deep.equal(byName(text.attributes));
        expect(plain(binary!.body)).to.equal(plain(text.body));
        expect(binary!.timeUnixNano ?? 0n).to.equal(BigInt(text.timeUnixNano));
        expect(binary!.droppedAttributesCount ?? 0).to.equal(text.droppedAttributesCount);
        expect(binary!.traceId.toString('hex')).to.equal(text.traceId);
        expect([binary!.flags, binary!.severityNumber]).to.deep.equal([text.flags, text.severityNumber]);
      }),
    );
  });

  it('lets bound fields and those of the context be, where the call has one of that name', () => {
    const stamp = { ...logRecord().stamp, attributes: { a: 'context', b: 'context', c: 'context' } };
    const record = logRecord({ stamp, bound: { a: 'bound', b: 'bound' }, fields: { a: 'call' } });
    expect(attributesOf(record)).to.deep.equal({
      correlation_id: 'order-1042',
      a: 'call',
      b: 'bound',
      c: 'context',
    });
  });

  it('keeps what a record said when it was made, whatever becomes of its values', () => {
    const order = { state: 'new', lines: [1] };
    const packed = packLogs('http/protobuf', shape)(logRecord({ fields: { order } }));
    order.state = 'paid';
    order.lines.push(2);
    const body = encodeLogs('http/protobuf', shape)([packed]);
    const [record] = decode('LogsRequest', body).resourceLogs[0].scopeLogs[0].logRecords;
    expect(byName(record.attributes).order).to.deep.equal({ state: 'new', lines: [1n] });
  });

  it('keeps two records apart when the getter of one makes the other', () => {
    const pack = packLogs('http/protobuf', shape);
    const inner: unknown[] = [];
    const outer = pack(
      logRecord({
        message: 'outer',
        fields: {
          before: 1,
          get total() {
            inner.push(pack(logRecord({ message: 'inner', fields: { deep: true } })));
            return 2;
          },
        },
      }),
    );
    const all = received([...inner, outer] as LogRecord[]);
    expect(all.map(({ body }) => body.stringValue)).to.deep.equal(['inner', 'outer']);
    expect(byName(all[1]!.attributes)).to.deep.include({ before: 1n, total: 2n });
  });

  it('keeps the order of records through chunks, loggers and sizes', () => {
    const records = Array.from({ length: 3_000 }, (_, at) =>
      logRecord({ logger: `shop.${at % 3}`, fields: { at, filler: 'x'.repeat((at * 37) % 500) } }),
    );
    const pack = packLogs('http/protobuf', shape);
    const body = encodeLogs('http/protobuf', shape)(records.map(pack));
    const { scopeLogs } = decode('LogsRequest', body).resourceLogs[0];
    expect(scopeLogs.map(({ scope }: Decoded) => scope.name)).to.deep.equal(['shop.0', 'shop.1', 'shop.2']);
    for (const [logger, { logRecords }] of scopeLogs.entries()) {
      expect(logRecords.map(({ attributes }: Decoded) => byName(attributes).at)).to.deep.equal(
        Array.from({ length: 1_000 }, (_, i) => BigInt(i * 3 + logger)),
      );
    }
  });

  it('writes the same wherever a chunk ends', () => {
    const fields: ((writer: ChunkWriter) => void)[] = [
      (writer) => writer.string(0x0a, 'text'),
      (writer) => writer.bytes(0x0a, Uint8Array.of(1, 2, 3)),
      (writer) => writer.textAttribute(0x4a, Uint8Array.of(0x0a, 1, 97), 'value'),
      (writer) => writer.varint(0x18, -1),
      (writer) => writer.fixed32(0x85, 0x01020304),
      (writer) => writer.double(0x21, 0.1),
      (writer) => writer.time(0x09, 1_795_233_313, 307_250_001),
      (writer) => writer.hex(0x4a, '0af7651916cd43dd8448eb211c80319c'),
      // Asks for more room than it needs, so it stands last.
      (writer) => writer.string(0x0a, 'ü'.repeat(100)),
    ];
    const message = (writer: ChunkWriter, at: number): string => {
      const opened = writer.open(0x0a);
      // Nothing stands where it stood before: fresh memory may still hold the message before.
      writer.string(0x0a, 'x'.repeat(at % 13));
      for (const write of fields) write(writer);
      writer.close(opened);
      const { chunk, start, end } = writer.cut();
      return Buffer.from(chunk.subarray(start, end)).toString('hex');
    };
    for (let size = 1; size <= 600; size++) {
      const small = new ChunkWriter(size);
      const large = new ChunkWriter();
      for (const at of [size, size + 5]) {
        expect(message(small, at), `chunks of ${size}`).to.equal(message(large, at));
      }
    }
  });

  it('takes any span of the official shape, and says the same of it in protobuf as in JSON', () => {
    const own = {
      ...finishedSpans()[0]!,
      spanContext: () => finishedSpans()[0]!.spanContext(),
      name: 'by hand',
      kind: undefined as never,
      attributes: { deep: { list: [1, [null, 'x']], holes: new Array(2) } } as unknown as Attributes,
      events: [],
      links: [],
      status: { code: 0 },
      resource: { attributes: { 'service.name': 'other' }, schemaUrl: 'https://schema.example/1' } as never,
      instrumentationScope: { name: 'mine', version: '2', schemaUrl: 'https://schema.example/2' },
    };
    const { resourceSpans } = decode('TracesRequest', encodeTraces('http/protobuf')([own]));
    const text = JSON.parse(Buffer.from(encodeTraces('http/json')([own])).toString()).resourceSpans[0];
    const [binary] = resourceSpans;
    expect(binary.schemaUrl).to.equal('https://schema.example/1').and.equal(text.schemaUrl);
    expect(binary.scopeSpans[0].schemaUrl).to.equal('https://schema.example/2');
    expect(binary.scopeSpans[0].scope).to.deep.include(text.scopeSpans[0].scope);
    const [span] = binary.scopeSpans[0].spans;
    const [same] = text.scopeSpans[0].spans;
    expect(byName(span.attributes)).to.deep.equal(byName(same.attributes));
    expect(span.startTimeUnixNano).to.equal(BigInt(same.startTimeUnixNano));
    expect([span.name, span.kind ?? 0, span.flags]).to.deep.equal([same.name, same.kind, same.flags]);
  });
});
