/** Fields without the secrets that their names give away: a browser's console is read over many shoulders. */
const secret = /pass[wp]|secret|token|authoriz|cookie|credent|(api|private).?key|card.?num/i;

/** A copy of `value`; what is no plain object and no list is as it was. */
export function redacted(value: any, depth = 0): any {
  if (depth > 5) return value;
  if (Array.isArray(value)) return value.map((item) => redacted(item, depth + 1));
  if ({}.toString.call(value) !== '[object Object]') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      secret.test(name) ? '[REDACTED]' : redacted(item, depth + 1),
    ]),
  );
}
