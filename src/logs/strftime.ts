/** Local time as Python's `logging` writes it (A9). */

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  ...['January', 'February', 'March', 'April', 'May', 'June', 'July'],
  ...['August', 'September', 'October', 'November', 'December'],
];

function padded(value: number, width = 2): string {
  return String(value).padStart(width, '0');
}

function offsetOf(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  const sign = minutes < 0 ? '-' : '+';
  return sign + padded(Math.floor(Math.abs(minutes) / 60)) + padded(Math.abs(minutes) % 60);
}

function dayOfYear(date: Date): number {
  const start = Date.UTC(date.getFullYear(), 0, 1);
  return (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - start) / 86_400_000 + 1;
}

const directives: Readonly<Record<string, (date: Date) => string>> = {
  a: (date) => days[date.getDay()]!.slice(0, 3),
  A: (date) => days[date.getDay()]!,
  b: (date) => months[date.getMonth()]!.slice(0, 3),
  B: (date) => months[date.getMonth()]!,
  d: (date) => padded(date.getDate()),
  D: (date) => strftime(date, '%m/%d/%y'),
  e: (date) => String(date.getDate()).padStart(2),
  f: (date) => padded(date.getMilliseconds() * 1000, 6),
  F: (date) => strftime(date, '%Y-%m-%d'),
  H: (date) => padded(date.getHours()),
  I: (date) => padded(date.getHours() % 12 || 12),
  j: (date) => padded(dayOfYear(date), 3),
  m: (date) => padded(date.getMonth() + 1),
  M: (date) => padded(date.getMinutes()),
  p: (date) => (date.getHours() < 12 ? 'AM' : 'PM'),
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  S: (date) => padded(date.getSeconds()),
  T: (date) => strftime(date, '%H:%M:%S'),
  y: (date) => padded(date.getFullYear() % 100),
  Y: (date) => String(date.getFullYear()),
  z: offsetOf,
  Z: (date) => /\(([^)]+)\)/.exec(String(date))?.[1] ?? '',
  '%': () => '%',
};

/** A date by C's directives in local time and English names; a directive that is not known stays as it is. */
function strftime(date: Date, format: string): string {
  return format.replace(/%([a-zA-Z%])/g, (text, letter: string) => directives[letter]?.(date) ?? text);
}

let lastSecond = Number.NaN;
let lastText = '';

/** `2026-01-21 10:30:00,123`; with a `datefmt` by that, and without milliseconds. */
export function asctime(time: number, datefmt?: string): string {
  const second = Math.floor(time / 1000);
  if (datefmt !== undefined) return strftime(new Date(time), datefmt);
  if (second !== lastSecond) {
    lastSecond = second;
    lastText = strftime(new Date(second * 1000), '%Y-%m-%d %H:%M:%S');
  }
  return `${lastText},${padded(Math.floor(time - second * 1000), 3)}`;
}
