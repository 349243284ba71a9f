/** The sampler `sonde_tail`: what it picks beforehand, and what is to wait. */
import { TraceFlags } from '@opentelemetry/api';
import type { Config } from '../config/config.ts';
import { TokenBucket } from '../token-bucket.ts';
import { type Answer, type Decide, decisions, followed, keep } from './decide.ts';
import { readOt, withThreshold } from './ot-state.ts';
import { type OwnSampler, parentIn, samplerOf } from './sampler.ts';
import { randomnessOf, thresholdOf } from './threshold.ts';

type IsKept = (traceId: string) => boolean;

const wait: Answer = Object.freeze({ decision: decisions.record });

/** @param isKept whether it is decided already that a trace is kept */
export function tailSampler(config: Config['traces'], isKept: IsKept): OwnSampler {
  const decide = deciding(config, isKept);
  return {
    ...samplerOf(config),
    decide,
    shouldSample: (context, traceId, name, kind, attributes, links) =>
      decide(parentIn(context), traceId, name, { kind, attributes, links }),
  };
}

/**
 * What is known to be kept beforehand is sampled: by its caller, by the ratio, by a flag. The rest is recorded, and waits;
 * so does what the ratio would pick beyond so many traces a second, for it may still fail.
 */
function deciding({ samplerArg, tracesPerSecond }: Config['traces'], isKept: IsKept): Decide {
  const threshold = thresholdOf(samplerArg);
  const bucket = Number.isFinite(tracesPerSecond) ? new TokenBucket(tracesPerSecond) : undefined;
  const said = bucket === undefined ? threshold : undefined;
  const picked: Answer = Object.freeze({ ...keep, traceState: withThreshold(undefined, said) });
  return (parent, traceId) => {
    if (parent !== undefined && (parent.traceFlags & TraceFlags.SAMPLED) !== 0)
      return followed(parent, traceId);
    // The ratio has been asked by the span around.
    if (parent !== undefined && parent.isRemote !== true) return isKept(traceId) ? keep : wait;
    const state = parent?.traceState;
    const randomness = readOt(state).randomness ?? randomnessOf(traceId);
    const isInShare = threshold !== undefined && randomness >= threshold;
    const isPicked = isInShare && (parent !== undefined || bucket?.take() !== false);
    if (state === undefined && isPicked) return picked;
    // What begins here is known to nobody yet.
    const answer = isPicked || (parent !== undefined && isKept(traceId)) ? keep : wait;
    if (state === undefined) return answer;
    return { ...answer, traceState: withThreshold(state, isPicked ? said : undefined) };
  };
}
