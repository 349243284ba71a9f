/** Ids: random, never all zero, made from a pool of crypto bytes so that one costs no system call. */
import { randomFillSync, randomUUID } from 'node:crypto';

/** OpenTelemetry's `IdGenerator`, structurally. */
export interface IdGenerator {
  /** 32 lower-case hex digits, not all zero. */
  generateTraceId(): string;
  /** 16 lower-case hex digits, not all zero. */
  generateSpanId(): string;
}

const poolBytes = 4096;
const hexOfByte: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
);
let pool: Uint8Array | undefined;
let taken = poolBytes;

function randomHex(bytes: number): string {
  if (pool === undefined || taken + bytes > poolBytes) {
    pool = randomFillSync(pool ?? new Uint8Array(poolBytes));
    taken = 0;
  }
  let hex = '';
  for (const end = taken + bytes; taken < end; taken++) hex += hexOfByte[pool[taken] as number];
  return hex;
}

const noTrace = '0'.repeat(32);
const noSpan = '0'.repeat(16);

function nonZero(bytes: number, zero: string): string {
  const id = randomHex(bytes);
  return id === zero ? nonZero(bytes, zero) : id;
}

/** Every bit of a trace id is random, so the random flag of W3C trace context level 2 is truthful for it. */
export const idGenerator: IdGenerator = {
  generateTraceId: () => nonZero(16, noTrace),
  generateSpanId: () => nonZero(8, noSpan),
};

/** How a fresh correlation id is made; `trace` means that none is made and the trace id stands for it. */
export type CorrelationGenerator = 'trace' | 'uuid' | 'hex';

/** A fresh correlation id, or `undefined` where the trace id is to stand for it. */
export function generateCorrelationId(generator: CorrelationGenerator): string | undefined {
  if (generator === 'trace') return undefined;
  return generator === 'uuid' ? randomUUID() : randomHex(16);
}

const correlationId = /^[A-Za-z0-9._:+/=@#~-]{1,128}$/;

/** Whether a caller's id may be believed: a plain token of 1 to 128 characters. Anything else is kept nowhere. */
export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 128 && correlationId.test(value);
}
