/** Views: which instruments become which streams. The options are those of `@opentelemetry/sdk-metrics`, and more. */
import type { Attributes, Context } from '@opentelemetry/api';
import { diagnostics } from '../diagnostics.ts';
import type { AggregationOption } from './aggregation.ts';
import type { Descriptor, InstrumentKind, MeterScope } from './collected.ts';

/** `IAttributesProcessor` of sdk-metrics. */
export interface AttributesProcessor {
  process(incoming: Attributes, context?: Context): Attributes;
}

/** What a view selects by and what it changes; `*` and `?` are wildcards in names. */
export interface ViewOptions {
  readonly instrumentName?: string;
  readonly instrumentType?: string;
  readonly instrumentUnit?: string;
  readonly meterName?: string;
  readonly meterVersion?: string;
  readonly meterSchemaUrl?: string;
  readonly name?: string;
  readonly description?: string;
  /** Names with wildcards: `included` alone stay, `excluded` go. Cheaper than processors. */
  readonly attributeKeys?: { readonly included?: readonly string[]; readonly excluded?: readonly string[] };
  readonly attributesProcessors?: readonly AttributesProcessor[];
  readonly aggregation?: AggregationOption;
  /** Series of one stream, the one for the overflow included; 2,000 where nobody says else. */
  readonly aggregationCardinalityLimit?: number;
}

/** Whether a name is kept. */
export type KeyTest = (name: string) => boolean;

export interface View {
  selects(instrument: Descriptor, meter: MeterScope): boolean;
  readonly options: ViewOptions;
  /** Absent where every name is kept. */
  readonly keeps?: KeyTest;
}

/** A view that cannot work is said and left out: the app's other metrics are not its fault. */
export function viewsOf(given: readonly object[]): View[] {
  return given.flatMap((options) => {
    try {
      return [viewOf(options as ViewOptions)];
    } catch (error) {
      diagnostics.warn('SONDE_ERR_METRIC', `A metric view is left out: ${(error as Error).message}`);
      return [];
    }
  });
}

const criteria = [
  'instrumentName',
  'instrumentType',
  'instrumentUnit',
  'meterName',
  'meterVersion',
  'meterSchemaUrl',
] as const;

function viewOf(options: ViewOptions): View {
  if (criteria.every((name) => options[name] === undefined)) throw new Error('it selects nothing.');
  const { instrumentName, name } = options;
  if (name !== undefined && (instrumentName === undefined || /[*?]/.test(instrumentName))) {
    throw new Error('it gives one name to several instruments.');
  }
  const named = instrumentName === undefined ? undefined : matcher(instrumentName.toLowerCase());
  const { included, excluded } = options.attributeKeys ?? {};
  return {
    options,
    keeps: keyTest(included, excluded),
    selects: (instrument, meter) =>
      (named === undefined || named(instrument.name.toLowerCase())) &&
      is(options.instrumentType as InstrumentKind, instrument.type) &&
      is(options.instrumentUnit, instrument.unit) &&
      is(options.meterName, meter.name) &&
      is(options.meterVersion, meter.version) &&
      is(options.meterSchemaUrl, meter.schemaUrl),
  };
}

function is<T>(wanted: T | undefined, given: T): boolean {
  return wanted === undefined || wanted === given;
}

/** `*` is any text, `?` any one character. */
function matcher(pattern: string): KeyTest {
  if (!/[*?]/.test(pattern)) return (name) => name === pattern;
  const escaped = pattern.replace(/[\\^$.+()[\]{}|]/g, '\\$&');
  const expression = new RegExp(`^${escaped.replace(/\*+/g, '.*').replace(/\?/g, '.')}$`, 's');
  return (name) => expression.test(name);
}

/** Names come from code and are few; what is not is asked for each time. */
const mostRemembered = 500;

/** A test that remembers its answers; none where everything is kept. */
export function keyTest(
  included: readonly string[] | undefined,
  excluded: readonly string[] | undefined,
): KeyTest | undefined {
  if (included === undefined && excluded === undefined) return undefined;
  const allowed = included?.map(matcher);
  const denied = (excluded ?? []).map(matcher);
  const known = new Map<string, boolean>();
  return (name) => {
    const answer = known.get(name);
    if (answer !== undefined) return answer;
    const isKept = (allowed?.some((test) => test(name)) ?? true) && !denied.some((test) => test(name));
    if (known.size < mostRemembered) known.set(name, isKept);
    return isKept;
  };
}
