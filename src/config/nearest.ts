/** Finds what somebody may have meant. */

/** Edits between two words: insert, delete, replace, or swap of two neighbours. */
function distance(a: string, b: string): number {
  let older: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const next = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(last[column]! + 1, next[column - 1]! + 1, last[column - 1]! + (same ? 0 : 1));
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (row > 1 && column > 1 && isSwap) cost = Math.min(cost, older[column - 2]! + 1);
      next.push(cost);
    }
    older = last;
    last = next;
  }
  return last[b.length]!;
}

const longest = 80;

/** The known word nearest to `word`, if it is near enough to be meant; case does not count. */
function nearest(word: string, known: Iterable<string>): string | undefined {
  if (word.length > longest) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let least = Math.max(word.length < 5 ? 1 : 2, Math.floor(word.length / 4)) + 1;
  for (const candidate of known) {
    const edits = distance(wanted, candidate.toLowerCase());
    if (edits >= least) continue;
    least = edits;
    best = candidate;
  }
  return best;
}

/** `; did you mean logs.level?`, or a full stop when nothing is near. */
export function advice(word: string, known: Iterable<string>, prefix = ''): string {
  const found = nearest(word, known);
  return found === undefined ? '.' : `; did you mean ${prefix}${found}?`;
}
