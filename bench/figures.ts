/** Figures that stay true on a noisy machine: minima, medians, and ratios paired inside one round. */

/** What one contender showed: one sample per round, in round order. */
export type Samples = readonly number[];

/** The middle value; of an even number of values, the mean of the two in the middle. */
export function median(samples: Samples): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The least disturbed sample. */
export function minimum(samples: Samples): number {
  return Math.min(...samples);
}

/** The median of the ratios to `base` taken round by round, so that a slow minute hits both alike. */
export function pairedRatio(samples: Samples, base: Samples): number {
  return median(samples.map((sample, round) => sample / base[round]!));
}

/** The list in another order. */
export function shuffled<T>(items: readonly T[]): T[] {
  const order = items.map((item) => ({ item, at: Math.random() }));
  return order.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

/** A markdown table. The first column is text, the others are figures. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, column) => (column === 0 ? '---' : '---:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}

/** `1.62`, or a dash where there is no figure. */
export function ratio(value: number): string {
  return Number.isFinite(value) ? value.toFixed(2) : '–';
}

/** `+34`, `-2`. */
export function signed(value: number, digits = 0): string {
  return `${value >= 0 ? '+' : ''}${value.toFixed(digits)}`;
}
