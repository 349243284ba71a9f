/** How a span is decided on: what a sampler is asked, what it answers, and the rules that it is made of. */
import {
  type Attributes,
  type SpanContext,
  type SpanOptions,
  TraceFlags,
  type TraceState,
} from '@opentelemetry/api';
import { diagnostics } from '../diagnostics.ts';
import { TokenBucket } from '../token-bucket.ts';
import { readOt, withThreshold } from './ot-state.ts';
import { randomnessOf, thresholdOf } from './threshold.ts';

/** OpenTelemetry's `SamplingDecision`. */
export const decisions = { drop: 0, record: 1, sample: 2 } as const;

/** What a sampler says of a span. */
export interface Answer {
  readonly decision: (typeof decisions)[keyof typeof decisions];
  /** In place of the parent's, which otherwise stays as it is. */
  readonly traceState?: TraceState | undefined;
  /** What the span has besides its own. */
  readonly attributes?: Attributes | undefined;
}

/** @param parent a proper one, or none */
export type Decide = (
  parent: SpanContext | undefined,
  traceId: string,
  name: string,
  options: SpanOptions,
) => Answer;

export const keep: Answer = Object.freeze({ decision: decisions.sample });
const drop: Answer = Object.freeze({ decision: decisions.drop });

/** A share of 1 of all traces is no threshold that anybody has set: one that a parent had does not hold any more. */
export const always: Decide = (parent) => without(keep, parent);
export const never: Decide = (parent) => without(drop, parent);

/** `answer`, with no threshold in the trace state. */
function without(answer: Answer, parent: SpanContext | undefined): Answer {
  const state = parent?.traceState;
  if (state === undefined) return answer;
  const traceState = withThreshold(state, undefined);
  return traceState === state ? answer : { ...answer, traceState };
}

/**
 * `traceidratio` as OpenTelemetry's SDK for JavaScript has it, by the four words of the trace id: services that name
 * it with the same ratio keep the same traces, whichever of the two they use. Other languages' SDKs have rules of their
 * own for it, so across languages it is fit for roots alone. Says no threshold, since it is no consistent probability
 * sampling in the sense of the specification (which leaves this rule as it is).
 */
export function byWords(given: number): Decide {
  const ratio = Number.isNaN(given) ? 0 : Math.min(Math.max(given, 0), 1);
  const bound = ratio === 1 ? 2 ** 32 : Math.floor(ratio * 0xffff_ffff);
  return (parent, traceId) => {
    let words = 0;
    for (let i = 0; i < 32; i += 8) words ^= Number.parseInt(traceId.slice(i, i + 8), 16);
    return words >>> 0 < bound ? always(parent, traceId, '', {}) : never(parent, traceId, '', {});
  };
}

/**
 * Consistent probability sampling of a root: by 56 random bits of its id, with the threshold in its trace state (`th`),
 * from which a backend knows how many traces one stands for, and services after it that they need not decide anew.
 */
export function byProbability(ratio: number): Decide {
  const threshold = thresholdOf(ratio);
  if (threshold === undefined) return never;
  const kept: Answer = Object.freeze({
    decision: decisions.sample,
    traceState: withThreshold(undefined, threshold),
  });
  return (_parent, traceId) => (randomnessOf(traceId) >= threshold ? kept : drop);
}

/** As the parent was decided; `root` decides where there is none. */
export function byParent(root: Decide): Decide {
  return (parent, traceId, name, options) =>
    parent === undefined ? root(parent, traceId, name, options) : followed(parent, traceId);
}

/** The threshold goes on only where it fits the decision. Within the process that has been seen to already. */
export function followed(parent: SpanContext, traceId: string): Answer {
  const isKept = (parent.traceFlags & TraceFlags.SAMPLED) !== 0;
  const answer = isKept ? keep : drop;
  if (parent.traceState === undefined || parent.isRemote !== true) return answer;
  if (!isKept) return without(answer, parent);
  const { threshold, randomness } = readOt(parent.traceState);
  const isTrue = threshold !== undefined && (randomness ?? randomnessOf(traceId)) >= threshold;
  const traceState = withThreshold(parent.traceState, isTrue ? threshold : undefined);
  return traceState === parent.traceState ? answer : { ...answer, traceState };
}

/**
 * No more than so many traces that begin here a second. The share that is kept is not known then: no threshold. What
 * begins within the process belongs to the trace that was let through or not.
 */
export function limited(decide: Decide, perSecond: number | undefined): Decide {
  if (perSecond === undefined || perSecond === Number.POSITIVE_INFINITY) return decide;
  const bucket = new TokenBucket(perSecond);
  return (parent, traceId, name, options) => {
    if (parent !== undefined && parent.isRemote !== true) return followed(parent, traceId);
    const answer = decide(parent, traceId, name, options);
    if (parent !== undefined || answer.decision === decisions.drop) return answer;
    if (!bucket.take()) {
      diagnostics.count('traces.left_out.rate');
      return drop;
    }
    return answer.traceState === undefined ? answer : { ...answer, traceState: undefined };
  };
}
