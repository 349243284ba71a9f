/** What was sent under each name within the last hour, in bounded memory. */

export interface Share {
  readonly name: string;
  /** Log records, spans or metric points. */
  readonly records: number;
  /** Bytes of OTLP before compression. */
  readonly bytes: number;
}

/** What went to OTLP within the last hour, or since the start: the twenty largest of each kind, and `(others)`. */
export interface Volume {
  /** Log records by logger. */
  readonly loggers: readonly Share[];
  /** Log records by the line that made them, from samples: about one a second, and exact up to that. */
  readonly callSites: readonly Share[];
  /** Log records and spans by `http.route`; `-` outside a request, `(no route)` where none was known yet. */
  readonly routes: readonly Share[];
  /** Points by metric; of a collection's bytes each has its part by the size of its points. */
  readonly metrics: readonly Share[];
}

type Rows = Map<string, { records: number; bytes: number }>;

/** Milliseconds between two turns. */
export const slotMillis: number = 300_000;
const slotCount = 12;
/** Names in one slot; what comes later is counted together. */
const mostNames = 1_000;
/** Names that are shown. */
const mostShown = 20;
const rest = '(others)';

export class Ledger {
  #rows: Rows = new Map();
  /** The oldest first; the last one is that of now. */
  #slots: readonly Rows[] = [this.#rows];

  add(name: string, records: number, bytes: number): void {
    const rows = this.#rows;
    const known = rows.get(name);
    if (known !== undefined) {
      known.records += records;
      known.bytes += bytes;
    } else if (rows.size < mostNames || name === rest) rows.set(name, { records, bytes });
    else this.add(rest, records, bytes);
  }

  /** Twelve times an hour: what is older than that is forgotten. A clock that is asked at each record costs more. */
  turn(): void {
    this.#rows = new Map();
    this.#slots = [...this.#slots.slice(1 - slotCount), this.#rows];
  }

  /** The largest by bytes; all others as one, so that the sum is the whole. */
  shares(): Share[] {
    const all: Rows = new Map();
    for (const rows of this.#slots) for (const [name, row] of rows) addTo(all, name, row);
    const others = all.get(rest);
    all.delete(rest);
    const sorted = [...all].sort(([, a], [, b]) => b.bytes - a.bytes);
    const tail = [...sorted.slice(mostShown).map(([, row]) => row), ...(others ? [others] : [])];
    const shown = sorted.slice(0, mostShown).map(([name, row]) => ({ name, ...row }));
    return tail.length === 0 ? shown : [...shown, { name: rest, ...summed(tail) }];
  }
}

type Row = Omit<Share, 'name'>;

function addTo(all: Rows, name: string, { records, bytes }: Row): void {
  const row = all.get(name) ?? { records: 0, bytes: 0 };
  all.set(name, { records: row.records + records, bytes: row.bytes + bytes });
}

function summed(rows: readonly Row[]): Row {
  return rows.reduce((sum, { records, bytes }) => ({
    records: sum.records + records,
    bytes: sum.bytes + bytes,
  }));
}
