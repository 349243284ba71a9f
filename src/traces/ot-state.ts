/** OpenTelemetry's own member of a trace state: `ot=th:c;rv:6e6d1a75832a2f`. What others put there stays. */
import type { TraceState } from '@opentelemetry/api';
import { parseTracestate } from '../context/tracestate.ts';
import { readRandomness, readThreshold, shortThreshold } from './threshold.ts';

const key = 'ot';
const maxLength = 256;

/** What sampling reads there. Both 14 digits, `undefined` where they are absent or wrong. */
export interface OtState {
  readonly threshold: string | undefined;
  readonly randomness: string | undefined;
}

const nothing: OtState = { threshold: undefined, randomness: undefined };

export function readOt(state: TraceState | undefined): OtState {
  const member = state?.get(key);
  if (member === undefined) return nothing;
  return {
    threshold: readThreshold(fieldIn(member, 'th')),
    randomness: readRandomness(fieldIn(member, 'rv')),
  };
}

/**
 * The state with `threshold` in it, where there is room for it, or with none; what was wrong in it is left out. The same
 * object where nothing changes. Without any member left it is empty, not `undefined`: that would stand for the parent's.
 */
export function withThreshold(
  state: TraceState | undefined,
  threshold: string | undefined,
): TraceState | undefined {
  const member = state?.get(key);
  if (member === undefined && threshold === undefined) return state;
  const kept = (member ?? '').split(';').filter((field) => isKept(field));
  const fields = threshold === undefined ? kept : [`th:${shortThreshold(threshold)}`, ...kept];
  const whole = fields.join(';');
  const written = whole.length > maxLength ? kept.join(';') : whole;
  if (written === member) return state;
  if (written === '') return state?.unset(key);
  return state === undefined ? parseTracestate(`${key}=${written}`) : state.set(key, written);
}

function fieldIn(member: string, name: string): string | undefined {
  const fields = member.split(';').filter((field) => field.startsWith(`${name}:`));
  return fields.length === 1 ? fields[0]!.slice(name.length + 1) : undefined;
}

function isKept(field: string): boolean {
  if (field === '' || field.startsWith('th:')) return false;
  return !field.startsWith('rv:') || readRandomness(field.slice(3)) !== undefined;
}
