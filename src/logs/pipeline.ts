/**
 * The one way of every log record: the filters of its logger, a list of plain functions, then the handlers of the
 * tree and the sinks beside it. Nothing here throws.
 */
import { diagnostics } from '../diagnostics.ts';
import { seldom, timed } from '../overhead.ts';
import { shared } from '../slot.ts';
import { keepsBreadcrumbs, withTrail } from './breadcrumbs.ts';
import { type DetailHolder, isDetail } from './details.ts';
import { jsonFormat } from './json-format.ts';
import { OFF, otherWord, severity } from './levels.ts';
import { lineStream } from './line-stream.ts';
import type { LogRecord, Sink } from './record.ts';
import { filtered, routeOf } from './route.ts';
import { isTold, noteTold, tells } from './sightings.ts';
import { type LoggerNode, nodeOf, routedNode, wantEverywhere } from './tree.ts';

/** Looks at a record and gives it back, changed in a copy, or `undefined` to drop it. */
export type Processor = (record: LogRecord) => LogRecord | undefined;

interface Pipeline {
  processors: readonly Processor[];
  /** Printers first, then the senders: where a record goes that no configuration leads elsewhere. */
  sinks: readonly Sink[];
  /** Those of the sinks that stand beside the tree: they take what its handlers take (OTLP). */
  senders: readonly Sink[];
  /** See each new record once, whatever way it goes: tests. */
  watchers: readonly Sink[];
  /** Decides of what is made only because it may be wanted later. */
  holder: DetailHolder | undefined;
  depth: number;
  /** Records that came in, whatever became of them. */
  created: number;
}

const nobody: readonly Sink[] = [];

/** A value that logs while it is being logged must come to an end. */
const deepest = 8;
const pipeline = shared<Pipeline>('logs.pipeline', () => ({
  processors: [],
  sinks: [],
  senders: [],
  watchers: [],
  holder: undefined,
  depth: 0,
  created: 0,
}));

/** How many records were sent on their way so far (`otel.sdk.log.created`). */
export function createdRecords(): number {
  return pipeline.created;
}

/** Sends a record on its way that is new: an error that was told before is marked as such (A70). */
export const emit: (record: LogRecord) => void = timed(seldom, (record: LogRecord): void => {
  const { watchers, holder } = pipeline;
  pipeline.created++;
  if (holder !== undefined && isHeldBack(record, holder)) return;
  if (!tells(record)) {
    forward(record, watchers);
    return;
  }
  const { error, stamp, time } = record;
  if (isTold(error, stamp.traceId, time)) {
    // Nobody else has it yet, and a copy costs as much as half of its line.
    (record as { seen?: boolean }).seen = true;
    forward(record, watchers);
  } else if (forward(record, watchers)) noteTold(error, stamp.traceId, time);
});

/** Tells the holder of errors, and asks it about details. Who wants details at once gets them all the same. */
function isHeldBack(record: LogRecord, holder: DetailHolder): boolean {
  if (!isDetail(record)) {
    if (record.severityNumber >= severity.ERROR) holder.erred(record);
    return false;
  }
  if (record.severityNumber >= nodeOf(record.logger).wanted) forward(record);
  if (holder.lets(record)) release(record);
  return true;
}

/** Sends a detail on the way that it would have gone had its level let it pass. */
export function release(record: LogRecord): void {
  deliver(record, pipeline.sinks, routedNode(record.logger), pipeline.watchers, true);
}

/**
 * From now on details down to `severityNumber` are made, and held by `holder`, until the function is called that is given
 * back.
 */
export function holdDetails(holder: DetailHolder, severityNumber: number): () => void {
  pipeline.holder = holder;
  wantEverywhere(severityNumber);
  return () => {
    if (pipeline.holder !== holder) return;
    pipeline.holder = undefined;
    wantEverywhere(OFF);
  };
}

/** Sends a record on its way that is as it should be. Gives back whether the filters let it pass. */
export function forward(record: LogRecord, watchers: readonly Sink[] = nobody): boolean {
  const word = otherWord(record.level, record.severityNumber);
  const node = routedNode(record.logger);
  return deliver(word === undefined ? record : { ...record, level: word }, pipeline.sinks, node, watchers);
}

/**
 * As `forward`, to these sinks only, or by the way of a node. A record that none of them would take is printed on stderr
 * (A17).
 */
export function deliver(
  record: LogRecord,
  sinks: readonly Sink[],
  node?: LoggerNode,
  watchers: readonly Sink[] = nobody,
  isReleased = false,
): boolean {
  if (pipeline.depth >= deepest) {
    diagnostics.count('logs.dropped.recursion');
    return false;
  }
  pipeline.depth++;
  try {
    const passed = node === undefined ? record : filtered(record, node.settings.filters);
    if (passed === undefined) return false;
    const processed = pipeline.processors.length === 0 ? passed : processedOf(passed);
    if (processed === undefined) return false;
    const complete = keepsBreadcrumbs() ? withTrail(processed) : processed;
    for (const watcher of watchers) sendTo(watcher, complete);
    if (node === undefined) hand(complete, sinks);
    else handByRoute(complete, node, isReleased);
    return true;
  } finally {
    pipeline.depth--;
  }
}

/** Whether a record is on its way in this very call: what a sink or a field says meanwhile must not become one. */
export function isDelivering(): boolean {
  return pipeline.depth > 0;
}

/** Replaces the list of functions; they run in this order. */
export function setProcessors(processors: readonly Processor[]): void {
  pipeline.processors = [...processors];
}

/** Replaces every sink; two empty lists are silence. Gives back the list before. */
export function setSinks(printers: readonly Sink[], senders: readonly Sink[] = []): readonly Sink[] {
  const before = pipeline.sinks;
  pipeline.sinks = [...printers, ...senders];
  pipeline.senders = [...senders];
  return before;
}

/** Replaces what stands for the root's handlers, and leaves the senders as they are. */
export function setPrinters(printers: readonly Sink[]): void {
  setSinks(printers, pipeline.senders);
}

/** Adds a sink behind the others and beside the tree, unless it is there already. */
export function addSink(sink: Sink): void {
  if (pipeline.sinks.includes(sink)) return;
  pipeline.sinks = [...pipeline.sinks, sink];
  pipeline.senders = [...pipeline.senders, sink];
}

/** Adds a sink that takes what the handlers of the tree take, and nothing that goes straight to all sinks. */
export function addFollower(sink: Sink): void {
  pipeline.senders = [...pipeline.senders, sink];
}

/** Lets a sink see each new record, whatever way it goes and whoever replaces the sinks, until it is removed. */
export function addWatcher(watcher: Sink): () => void {
  pipeline.watchers = [...pipeline.watchers, watcher];
  return () => {
    pipeline.watchers = pipeline.watchers.filter((other) => other !== watcher);
  };
}

/** Adds a sink to those that stand for the root's handlers as long as it has none of its own. */
export function addPrinter(sink: Sink): void {
  pipeline.sinks = [...pipeline.sinks, sink];
}

export function removeSink(sink: Sink): void {
  pipeline.sinks = pipeline.sinks.filter((other) => other !== sink);
  pipeline.senders = pipeline.senders.filter((other) => other !== sink);
}

function processedOf(record: LogRecord): LogRecord | undefined {
  let current: LogRecord | undefined = record;
  for (const processor of pipeline.processors) {
    try {
      current = processor(current);
    } catch (error) {
      diagnostics.count('logs.processor_errors');
      diagnostics.warnOnce('logs.processor', 'SONDE_ERR_SINK', `A log processor threw: ${textOf(error)}.`);
    }
    if (current === undefined) return undefined;
  }
  return current;
}

function hand(record: LogRecord, sinks: readonly Sink[]): void {
  let taken = sinks.length === 0;
  for (let i = 0; i < sinks.length; i++) if (sendTo(sinks[i]!, record)) taken = true;
  if (!taken && !record.printed) lastResort(record);
}

/** Python's rules: each handler on the way by its own level and filters, wherever the level was set (A2, A4). */
function handByRoute(record: LogRecord, node: LoggerNode, isReleased: boolean): void {
  const { handlers, defaults, reached } = routeOf(node);
  const isOnlyWanted = !isReleased && record.severityNumber < node.inForce && node.wanted < node.inForce;
  let failed = false;
  let takers = 0;
  for (const handler of handlers) {
    if (record.severityNumber < handler.level) continue;
    const { wantsBelow } = handler.destination;
    if (isOnlyWanted && wantsBelow === undefined) continue;
    // It has seen this one when it was made.
    if (isReleased && wantsBelow !== undefined && record.severityNumber >= wantsBelow) continue;
    const passed = filtered(record, handler.filters);
    if (passed === undefined) continue;
    try {
      const answer: unknown = handler.destination.write(passed);
      takers++;
      // An asynchronous one of the app's own says only later that it has failed.
      if (answer instanceof Promise) {
        answer.catch((error: unknown) => {
          sinkFailed(error);
          if (--takers === 0 && !record.printed) lastResort(record);
        });
      }
    } catch (error) {
      failed = true;
      sinkFailed(error);
    }
  }
  if (isOnlyWanted) return;
  if (defaults) hand(record, pipeline.sinks);
  else if (reached) for (const sink of pipeline.senders) sendTo(sink, record);
  const unheard = handlers.length === 0 && !defaults && record.severityNumber >= severity.WARN;
  if (((failed && takers === 0) || unheard) && !record.printed) lastResort(record);
}

/** Gives back whether the sink took it. One that fails is counted and told. */
export function sendTo(sink: Sink, record: LogRecord): boolean {
  try {
    const answer: unknown = sink(record);
    if (answer instanceof Promise) answer.catch(sinkFailed);
    return true;
  } catch (error) {
    sinkFailed(error);
    return false;
  }
}

function sinkFailed(error: unknown): void {
  diagnostics.count('logs.sink_errors');
  diagnostics.warnOnce('logs.sink', 'SONDE_ERR_SINK', `A log sink failed: ${textOf(error)}.`);
}

const lastFormat = jsonFormat();

/** Prints on stderr what a destination has accepted and could not give to anybody (A17), counted. Never throws. */
export function lastResort(record: LogRecord): void {
  diagnostics.count('logs.last_resort');
  const told = 'Log records that no handler takes are printed here: see logs.last_resort in the counters.';
  diagnostics.warnOnce('logs.last_resort', 'SONDE_ERR_SINK', told);
  try {
    lineStream('stderr').write(lastFormat(record));
  } catch {
    diagnostics.count('logs.dropped.last_resort');
  }
}

function textOf(error: unknown): string {
  try {
    return String((error as Error | undefined)?.message ?? error);
  } catch {
    return 'a value without text';
  }
}
