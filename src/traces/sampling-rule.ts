/** A rule of `sonde_rules`: which traces it is about, and what share of them is kept. */

export const spanKinds = ['internal', 'server', 'client', 'producer', 'consumer'] as const;

/**
 * It is about a trace where all that it names is so of the first span; in every text but `kind`, `*` stands for any
 * part. What is known when that span begins is all there is to see: of an HTTP request its method, path, host and
 * address, not its status or user.
 */
export interface SamplingRule {
  /**
   * The path of a served request, without its query: `/orders/:id` and `/orders/{id}` for one part, `/static/*` for all
   * below. It is held against `url.path`, since no framework has chosen its route yet, and against `http.route` where
   * a span begins with that.
   */
  readonly route?: string;
  /** The span's name at its beginning: `GET` for a request that came, what `withSpan` and `runJob` say. */
  readonly name?: string;
  readonly kind?: (typeof spanKinds)[number];
  /** `service.name` of this process: for a file that many services share. */
  readonly service?: string;
  /** Attributes that the span begins with: `{ 'http.request.method': 'POST' }`. */
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** A share from 0 to 1; `keep` is all of them, which is the default, `drop` is none. */
  readonly sample?: number | 'keep' | 'drop';
  /** At most so many of them a second in this process, and at once no more than one second's worth. */
  readonly perSecond?: number;
}

interface Sampling {
  readonly sampler: string;
  readonly rules: readonly SamplingRule[];
}

/** Whether what a span begins with is looked at: then it should begin with all that is known of it. */
export function looksAtAttributes({ sampler, rules }: Sampling): boolean {
  const looks = ({ route, attributes }: SamplingRule) => route !== undefined || attributes !== undefined;
  return sampler === 'sonde_rules' && rules.some(looks);
}

/** The share that a rule keeps. */
export function ratioOf({ sample = 'keep' }: SamplingRule): number {
  if (typeof sample === 'number') return sample;
  return sample === 'keep' ? 1 : 0;
}

/** The rule as `SONDE_SAMPLING_RULES` has it. */
export function ruleText({ sample, perSecond, attributes, ...named }: SamplingRule): string {
  const conditions = Object.entries({ ...named, ...attributes }).map(
    ([name, value]) => `${name}=${escaped(String(value))}`,
  );
  const share = sample ?? (perSecond === undefined ? 'keep' : undefined);
  const rate = perSecond === undefined ? [] : [`${perSecond}/s`];
  return [...conditions, ...(share === undefined ? [] : [share]), ...rate].join(' ');
}

function escaped(text: string): string {
  return text.replace(/[%;\s]/g, (character) => encodeURIComponent(character));
}
