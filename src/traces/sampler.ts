/** The samplers that the configuration can name. They look at the parent and the trace id, at nothing else. */
import { type Context, isSpanContextValid, type SpanContext, TraceFlags, trace } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { Config, SamplerName } from '../config/config.ts';

/** OpenTelemetry's `SamplingDecision`. */
export const decisions = { drop: 0, record: 1, sample: 2 } as const;

/** A sampler that can be asked before anything is known of a span but where it stands. */
export interface OwnSampler extends Sampler {
  keeps(parent: SpanContext | undefined, traceId: string): boolean;
}

type Keeps = OwnSampler['keeps'];

const always: Keeps = () => true;
const never: Keeps = () => false;

/** The same traces as everywhere else: OpenTelemetry's rule, by the four words of the trace id. */
function byRatio(given: number): Keeps {
  const ratio = Number.isNaN(given) ? 0 : Math.min(Math.max(given, 0), 1);
  const bound = ratio === 1 ? 2 ** 32 : Math.floor(ratio * 0xffff_ffff);
  return (_parent, traceId) => {
    let words = 0;
    for (let i = 0; i < 32; i += 8) words ^= Number.parseInt(traceId.slice(i, i + 8), 16);
    return words >>> 0 < bound;
  };
}

/** As the parent was decided; `root` decides where there is none. */
function byParent(root: Keeps): Keeps {
  return (parent, traceId) =>
    parent === undefined ? root(parent, traceId) : (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
}

const rules: Record<SamplerName, (ratio: number) => Keeps> = {
  always_on: () => always,
  always_off: () => never,
  traceidratio: byRatio,
  parentbased_always_on: () => byParent(always),
  parentbased_always_off: () => byParent(never),
  parentbased_traceidratio: (ratio) => byParent(byRatio(ratio)),
};

export function samplerOf({ sampler, samplerArg }: Config['traces']): OwnSampler {
  const keeps = rules[sampler](samplerArg);
  return {
    keeps,
    shouldSample(context, traceId) {
      return { decision: keeps(parentIn(context), traceId) ? decisions.sample : decisions.drop };
    },
    toString: () => (sampler.endsWith('ratio') ? `${sampler}{${samplerArg}}` : sampler),
  };
}

/** The parent of a span that starts in `context`, if it has a proper one. */
export function parentIn(context: Context): SpanContext | undefined {
  const parent = trace.getSpan(context)?.spanContext();
  return parent !== undefined && isSpanContextValid(parent) ? parent : undefined;
}
