/**
 * Records from before `init` (A13): they wait, bounded, for as long as `init` may still come with the first module.
 * Then they are printed with the defaults, and logging goes on that way.
 */
import { earlyLogs } from '../config/early.ts';
import { shared } from '../slot.ts';
import { type Format, lineFormat } from './format.ts';
import { heldRecord } from './held-record.ts';
import { spellForFormat } from './levels.ts';
import { type LineStream, lineStream } from './line-stream.ts';
import { addFollower, addPrinter, deliver, forward, setSinks } from './pipeline.ts';
import type { LogRecord, Sink } from './record.ts';
import { parseLevels, passes, setLevels } from './tree.ts';

/** How many records may wait. One more ends the waiting: printed with the defaults is better than lost. */
const mostHeld = 1_000;
/** Milliseconds for which printed records are kept for a late `init`; they hold the app's own objects. */
const keptFor = 60_000;

type Phase = 'untouched' | 'waiting' | 'printing' | 'over';

interface Early {
  phase: Phase;
  /** Nothing is printed: a test runner, or the console is off. */
  silent: boolean;
  /** Wait for `init`, oldest first. */
  held: LogRecord[];
  /** Were printed, with the defaults or by a dictConfig; a later `init` sends them by its other sinks. */
  printed: LogRecord[];
  stream?: LineStream;
  format?: Format;
}

const early = shared<Early>('logs.early', () => ({
  phase: 'untouched',
  silent: false,
  held: [],
  printed: [],
}));

/** Called with the first logger: until `init` sets the sinks, this is the sink. */
export function awaitInit(): void {
  if (early.phase !== 'untouched') return;
  early.phase = 'waiting';
  const { level, print, format } = earlyLogs();
  early.silent = !print;
  spellForFormat(format);
  setLevels(parseLevels(level));
  addPrinter(earlySink);
  // What a dictConfig leads elsewhere is out already, and still to be sent.
  addFollower(keep);
  // Not with the first record: one that is said by a listener of `exit` would come too late for that.
  process.once('exit', giveUp);
}

/**
 * Ends the early time: the sinks are set, and what waited is replayed to them in order, each record with its own time
 * and ids, by the levels now in force. What was printed already goes only to `senders`.
 *
 * @param printers sinks that a person reads: console, file
 * @param senders sinks that take records elsewhere: OTLP
 */
export function startSinks(printers: readonly Sink[], senders: readonly Sink[]): void {
  const { held, printed } = early;
  early.phase = 'over';
  early.held = [];
  early.printed = [];
  process.off('exit', giveUp);
  setSinks(printers, senders);
  if (senders.length > 0) replay(printed, (record) => deliver(record, senders));
  replay(held, forward);
}

function replay(records: readonly LogRecord[], send: (record: LogRecord) => unknown): void {
  for (const record of records) if (passes(record.logger, record.severityNumber)) send(record);
}

function earlySink(record: LogRecord): void {
  if (early.phase === 'waiting' && early.held.length >= mostHeld) giveUp();
  if (early.phase === 'printing') print(record);
  else if (early.phase === 'waiting') hold(record);
}

function hold(record: LogRecord): void {
  if (early.held.length === 0) setImmediate(mainHasRun).unref();
  early.held.push(heldRecord(record));
}

/** A CommonJS main module that is still being loaded has time left: the event loop turned before it began. */
function mainHasRun(): void {
  const main = (process as { mainModule?: { loaded?: boolean } }).mainModule;
  if (main !== undefined && main.loaded === false) setImmediate(mainHasRun).unref();
  else giveUp();
}

function giveUp(): void {
  if (early.phase !== 'waiting') return;
  early.phase = 'printing';
  const { held } = early;
  early.held = [];
  for (const record of held) print(record);
}

function print(record: LogRecord): void {
  keep(record);
  if (early.silent) return;
  early.stream ??= lineStream('stdout');
  early.format ??= lineFormat(earlyLogs().format, early.stream.isTerminal);
  early.stream.write(early.format(record));
}

function keep(record: LogRecord): void {
  const { printed } = early;
  if (printed.length > 0 && record.time - printed[0]!.time > keptFor) early.printed = [];
  else if (printed.length < mostHeld) printed.push(heldRecord(record));
}
