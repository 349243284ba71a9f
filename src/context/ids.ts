/** Ids: random, never all zero, made from a pool of crypto bytes so that one costs no system call. */
/** OpenTelemetry's `IdGenerator`, structurally. */
export interface IdGenerator {
  /** 32 lower-case hex digits, not all zero. */
  generateTraceId(): string;
  /** 16 lower-case hex digits, not all zero. */
  generateSpanId(): string;
}

/** With the first id, not before: it is the slowest of Node's own modules to load, and a start needs none of it. */
let loaded: typeof import('node:crypto') | undefined;

function crypto(): typeof import('node:crypto') {
  loaded ??= process.getBuiltinModule('node:crypto');
  return loaded;
}

/** Many at once, since each question to the generator costs as much as some kilobytes of its answer. */
const randomBytes = 8192;
/** Small, because an id that is kept keeps the text it was cut from. */
const poolBytes = 1024;
let random: Buffer | undefined;
let drawn = randomBytes;
let pool = '';
let taken = 0;

function refill(): void {
  if (drawn === randomBytes) {
    random ??= Buffer.alloc(randomBytes);
    crypto().randomFillSync(random);
    drawn = 0;
  }
  pool = (random as Buffer).toString('hex', drawn, drawn + poolBytes);
  drawn += poolBytes;
  taken = 0;
}

function randomHex(digits: number): string {
  if (taken + digits > pool.length) refill();
  taken += digits;
  return pool.slice(taken - digits, taken);
}

const noTrace = '0'.repeat(32);
const noSpan = '0'.repeat(16);

function nonZero(zero: string): string {
  const id = randomHex(zero.length);
  return id === zero ? nonZero(zero) : id;
}

/** Every bit of a trace id is random, so the random flag of W3C trace context level 2 is truthful for it. */
export const idGenerator: IdGenerator = {
  generateTraceId: () => nonZero(noTrace),
  generateSpanId: () => nonZero(noSpan),
};

/** How a fresh correlation id is made; `trace` means that none is made and the trace id stands for it. */
export type CorrelationGenerator = 'trace' | 'uuid' | 'hex';

/** A fresh correlation id, or `undefined` where the trace id is to stand for it. */
export function generateCorrelationId(generator: CorrelationGenerator): string | undefined {
  if (generator === 'trace') return undefined;
  return generator === 'uuid' ? crypto().randomUUID() : randomHex(32);
}

const correlationId = /^[A-Za-z0-9._:+/=@#~-]{1,128}$/;

/** Whether a caller's id may be believed: a plain token of 1 to 128 characters. Anything else is kept nowhere. */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 128 && correlationId.test(value);
}
