import { type Context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { defaults } from '../../src/config/config.ts';
import { activeContext, rootContext, runIn } from '../../src/context/context.ts';
import { detached } from '../../src/context/unit.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { spanFindings } from '../../src/traces/span-findings.ts';
import { metered } from '../support/metered.ts';

/** Findings are told once in a quarter of an hour: each test has names of its own. */
let at = 0;

describe('findings of spans', () => {
  let records: LogRecord[];
  let ended: ReadableSpan[];
  let sinks: ReturnType<typeof setSinks>;
  let provider: TracerProvider;
  let meters: ReturnType<typeof metered>;
  let name: string;

  function start(traces: Partial<(typeof defaults)['traces']> = {}): void {
    meters = metered();
    const found = spanFindings({ ...defaults.traces, ...traces }, meters.meter);
    const kept: SpanProcessor = {
      onStart() {},
      onEnd: (span) => void ended.push(span),
      forceFlush: async () => {},
      shutdown: async () => {},
    };
    provider = new TracerProvider({ spanProcessors: [...(found as unknown as SpanProcessor[]), kept] });
  }

  const open = (label: string, context: Context, kind = SpanKind.CLIENT) =>
    provider.getTracer('test').startSpan(label, { kind }, context);
  const within = (span: ReturnType<typeof open>) => trace.setSpan(rootContext, span);
  const eventsOf = (label: string) =>
    ended.filter((span) => span.name === label).map(({ events }) => events.map((event) => event.name));
  const counted = async (metric: string) => (await meters.reader.points(metric)).map(({ value }) => value);

  beforeEach(() => {
    at += 1;
    name = `SELECT orders_${at}`;
    [records, ended] = [[], []];
    sinks = setSinks([(record) => void (record.logger === 'sonde.traces' && records.push(record))]);
  });

  afterEach(() => setSinks(sinks));

  /** A request that ends while its statement runs. */
  function leaveBehind(failing?: 'request' | 'statement'): void {
    const request = open('GET /orders', rootContext, SpanKind.SERVER);
    const statement = open(name, within(request));
    if (failing === 'request') request.setStatus({ code: SpanStatusCode.ERROR });
    if (failing === 'statement') statement.setStatus({ code: SpanStatusCode.ERROR });
    request.end();
    statement.end();
  }

  it('tell once what still runs when its parent ends, on the span and by a count each time', async () => {
    start();
    leaveBehind();
    leaveBehind();
    expect(records.map(({ level, message }) => [level, message])).to.deep.equal([
      ['WARN', `${name} was still running when GET /orders ended: is there an await missing?`],
    ]);
    expect(records[0]?.stamp.spanId).to.equal(ended.find((span) => span.name === name)?.spanContext().spanId);
    expect(eventsOf(name)).to.deep.equal([['sonde.late_span'], ['sonde.late_span']]);
    expect(await counted('sonde.traces.late_spans')).to.deep.equal([2]);
  });

  it('are none for what starts afterwards, in time, or where something fails', async () => {
    start();
    const request = open('GET /orders', rootContext, SpanKind.SERVER);
    open(name, within(request)).end();
    request.end();
    open(name, within(request)).end();
    leaveBehind('request');
    leaveBehind('statement');
    expect(records).to.deep.equal([]);
    expect(await counted('sonde.traces.late_spans')).to.deep.equal([]);
  });

  /** A statement in a request, and once more during one, wherever `again` runs it. */
  function loseContext(again: (ask: () => void) => void): void {
    const request = open('GET /orders', rootContext, SpanKind.SERVER);
    open(name, within(request)).end();
    again(() => open(name, activeContext()).end());
    request.end();
  }

  const inRoot = (ask: () => void): void => runIn(rootContext, ask);

  it('tell once what runs for nobody though it is part of requests, with the line that asked', async () => {
    start();
    loseContext(inRoot);
    loseContext(inRoot);
    const [record, ...more] = records;
    expect(more).to.deep.equal([]);
    expect(record?.level).to.equal('WARN');
    expect(record?.message).to.match(new RegExp(`^Lost context: ${name} ran for no request`));
    expect(record?.fields).to.include({ 'code.file.path': import.meta.filename });
    expect(eventsOf(name).flat()).to.deep.equal(['sonde.lost_context', 'sonde.lost_context']);
    expect(await counted('sonde.traces.lost_contexts')).to.deep.equal([2]);
  });

  it('are none for what the app detaches, what is no part of a request, or runs while nothing is served', async () => {
    start();
    loseContext((ask) => detached(ask));
    inRoot(() => open(name, rootContext).end());
    const request = open('GET /orders', rootContext, SpanKind.SERVER);
    open('SELECT prices', rootContext).end();
    open('GET', within(request)).end();
    open('GET', rootContext).end();
    request.end();
    expect(records).to.deep.equal([]);
    expect(await counted('sonde.traces.lost_contexts')).to.deep.equal([]);
  });

  it('can be switched off, each', () => {
    start({ lateSpans: false });
    leaveBehind();
    loseContext(inRoot);
    expect(records.map(({ message }) => message.slice(0, 12))).to.deep.equal(['Lost context']);
    start({ lostContext: false });
    at += 1;
    name = `SELECT orders_${at}`;
    loseContext(inRoot);
    leaveBehind();
    expect(records.slice(1).map(({ message }) => message)).to.match(/was still running/);
  });
});
