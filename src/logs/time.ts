/** The wall clock of records, finer than a millisecond, and its text. */
import { flat } from '../flat.ts';

/** NaN until the first look: `performance` is not loaded for nothing. */
let offset = Number.NaN;

/**
 * Epoch milliseconds with microseconds. Follows the wall clock: the finer clock only fills in what `Date.now` cuts
 * off, and is set anew when the two part (a clock that was put right, a machine that slept).
 */
export function now(): number {
  const wall = Date.now();
  if (Number.isNaN(offset)) offset = performance.timeOrigin;
  const fine = offset + performance.now();
  if (fine >= wall && fine < wall + 1) return fine;
  if (fine >= wall + 1 && fine < wall + 2) return wall + 0.999;
  offset += wall - fine;
  return wall;
}

let lastMillis = Number.NaN;
let lastText = '';
let secondStart = 0;
let secondText = '';

/** `2026-01-21T10:30:00.123Z`. A time that is none is the epoch. */
export function isoTime(time: number): string {
  const millis = Math.floor(time);
  if (millis === lastMillis) return lastText;
  const part = millis - secondStart;
  if (!(part >= 0 && part < 1000) || secondText === '') startSecond(millis);
  const rest = lastSecondRest(millis);
  lastMillis = millis;
  lastText = flat(`${secondText}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`);
  return lastText;
}

function lastSecondRest(millis: number): number {
  const rest = millis - secondStart;
  return rest >= 0 && rest < 1000 ? rest : 0;
}

function startSecond(millis: number): void {
  const valid = Math.abs(millis) <= 8.64e15 ? millis : 0;
  secondStart = Math.floor(valid / 1000) * 1000;
  secondText = new Date(secondStart).toISOString().slice(0, -4);
}
