/** Reads `SONDE_LOG_RATE`: `shop.orders=100/s,shop.db=10/m`. */

export interface Rate {
  readonly count: number;
  readonly unit: 's' | 'm' | 'h';
}

export interface RateSpec {
  /** Logger name to what it may say; the empty name is the root. */
  readonly rates: ReadonlyMap<string, Rate>;
  /** Parts that could not be read. */
  readonly problems: readonly string[];
}

/** What is wrong is data, never a throw. */
export function parseRates(text: string): RateSpec {
  const rates = new Map<string, Rate>();
  const problems: string[] = [];
  for (const part of text.split(/[,;\s]+/).filter(Boolean)) {
    const [, name = '', count, unit] = /^(?:([^=]+)=)?(\d{1,9})\/([smh])$/.exec(part) ?? [];
    if (count === undefined || Number(count) === 0) problems.push(part);
    else
      rates.set(/^(?:\*|root)$/.test(name) ? '' : name, { count: Number(count), unit: unit as Rate['unit'] });
  }
  return { rates, problems };
}
