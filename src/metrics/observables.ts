/** Instruments that are asked at each collection, and the callbacks that answer. */
import type {
  Attributes,
  BatchObservableCallback,
  BatchObservableResult,
  Observable,
  ObservableCallback,
  ObservableResult,
} from '@opentelemetry/api';
import { activeContext } from '../context/context.ts';
import type { Descriptor } from './collected.ts';
import type { ObservedStream } from './observed-stream.ts';

/** An observable instrument as the app holds it. */
export class ObservedInstrument implements Observable {
  readonly descriptor: Descriptor;
  /** By reader. */
  readonly streams: Map<object, ObservedStream[]> = new Map();
  readonly #callbacks: Callbacks;

  constructor(descriptor: Descriptor, callbacks: Callbacks) {
    this.descriptor = descriptor;
    this.#callbacks = callbacks;
  }

  enabled(): boolean {
    return this.streams.size > 0;
  }

  addCallback(callback: ObservableCallback): void {
    this.#callbacks.add(callback, this);
  }

  removeCallback(callback: ObservableCallback): void {
    this.#callbacks.remove(callback, this);
  }
}

/** What callbacks write to during one collection of one reader; deaf as soon as it is over. */
class Round {
  readonly #reader: object;
  isOpen = true;

  constructor(reader: object) {
    this.#reader = reader;
  }

  observe(instrument: ObservedInstrument, value: unknown, attributes: unknown): void {
    if (!this.isOpen || typeof value !== 'number' || !Number.isFinite(value)) return;
    const usable = instrument.descriptor.valueType === 0 ? Math.trunc(value) : value;
    const context = activeContext();
    for (const stream of instrument.streams.get(this.#reader) ?? []) {
      stream.observe(usable, attributes, context);
    }
  }

  single(instrument: ObservedInstrument): ObservableResult {
    return { observe: (value, attributes) => this.observe(instrument, value, attributes) };
  }

  batch(instruments: ReadonlySet<unknown>): BatchObservableResult {
    return {
      observe: (instrument: Observable, value: number, attributes?: Attributes) => {
        if (instruments.has(instrument)) this.observe(instrument as ObservedInstrument, value, attributes);
      },
    };
  }
}

interface Batch {
  readonly callback: BatchObservableCallback;
  readonly instruments: ReadonlySet<unknown>;
}

/** Every callback of one meter. */
export class Callbacks {
  readonly #single = new Map<ObservedInstrument, Set<ObservableCallback>>();
  #batches: Batch[] = [];

  add(callback: ObservableCallback, instrument: ObservedInstrument): void {
    if (typeof callback !== 'function') return;
    const known = this.#single.get(instrument) ?? new Set();
    this.#single.set(instrument, known.add(callback));
  }

  remove(callback: ObservableCallback, instrument: ObservedInstrument): void {
    this.#single.get(instrument)?.delete(callback);
  }

  addBatch(callback: BatchObservableCallback, given: readonly Observable[]): void {
    const instruments = new Set(
      [...(given ?? [])].filter((instrument) => instrument instanceof ObservedInstrument),
    );
    if (typeof callback !== 'function' || instruments.size === 0) return;
    if (!this.#batches.some((batch) => isSame(batch, callback, instruments))) {
      this.#batches.push({ callback, instruments });
    }
  }

  removeBatch(callback: BatchObservableCallback, given: readonly Observable[]): void {
    const instruments = new Set<unknown>(given);
    this.#batches = this.#batches.filter((batch) => !isSame(batch, callback, instruments));
  }

  /** Asks each of them for one reader; gives back what they threw. One that takes too long is not waited for. */
  async ask(reader: object, timeoutMillis: number | undefined): Promise<unknown[]> {
    const round = new Round(reader);
    for (const instrument of this.#instruments()) {
      for (const stream of instrument.streams.get(reader) ?? []) stream.begin();
    }
    const answers = [...this.#calls(round)].map((call) => answered(call, timeoutMillis));
    const errors = await Promise.all(answers);
    round.isOpen = false;
    return errors.filter((error) => error !== undefined);
  }

  #instruments(): Set<ObservedInstrument> {
    const batched = this.#batches.flatMap(({ instruments }) => [...instruments] as ObservedInstrument[]);
    return new Set([...this.#single.keys(), ...batched]);
  }

  *#calls(round: Round): Iterable<() => unknown> {
    for (const [instrument, callbacks] of this.#single) {
      for (const callback of callbacks) yield () => callback(round.single(instrument));
    }
    for (const { callback, instruments } of this.#batches) yield () => callback(round.batch(instruments));
  }
}

function isSame(batch: Batch, callback: BatchObservableCallback, instruments: ReadonlySet<unknown>): boolean {
  return (
    batch.callback === callback &&
    batch.instruments.size === instruments.size &&
    [...instruments].every((instrument) => batch.instruments.has(instrument))
  );
}

/** What went wrong, if something did. A callback that is not asynchronous costs no timer. */
async function answered(call: () => unknown, timeoutMillis: number | undefined): Promise<unknown> {
  try {
    const answer = call();
    if (answer instanceof Promise) await inTime(answer, timeoutMillis);
    return undefined;
  } catch (error) {
    return error ?? new Error('An observable callback threw nothing.');
  }
}

async function inTime(answer: Promise<unknown>, timeoutMillis: number | undefined): Promise<void> {
  if (timeoutMillis === undefined) {
    await answer;
    return;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const error = new Error(`An observable callback took longer than ${timeoutMillis} ms.`);
    timer = setTimeout(() => reject(error), timeoutMillis).unref();
  });
  await Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
