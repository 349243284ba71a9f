/** Beyond this the digits cost more than they tell: writing them out takes longer than linear time. */
const largest = 1n << 1024n;

export function isHuge(value: bigint): boolean {
  return value > largest || value < -largest;
}

/** The digits of a BigInt, or that there are too many. */
export function bigintText(value: bigint): string {
  return isHuge(value) ? '[bigint of more than 1024 bits]' : String(value);
}
