/** The sampler `sonde_tail` with all that it needs to wait for a verdict: a sampler, a span processor, a holder of records. */
import { TraceFlags } from '@opentelemetry/api';
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Config, TailConfig } from '../config/config.ts';
import { OFF, severity } from '../logs/levels.ts';
import { holdDetails, release, sendTo } from '../logs/pipeline.ts';
import type { Sink } from '../logs/record.ts';
import type { HeldState } from '../sonde.ts';
import { type Answer, type Decide, decisions, followed, keep } from './decide.ts';
import { Holding } from './holding.ts';
import { flagged } from './keep-trace.ts';
import { readOt, withThreshold } from './ot-state.ts';
import { type OwnSampler, parentIn, samplerOf } from './sampler.ts';
import { SpanProcessors } from './span-processors.ts';
import { randomnessOf, thresholdOf } from './threshold.ts';
import { TokenBucket } from './token-bucket.ts';

export interface TailParts {
  readonly config: Config['traces'];
  /** Those who take the spans that are kept; of starts they hear at once. */
  readonly takers: readonly SpanProcessor[];
  /** Those of them who want to see the others, too, unsampled. */
  readonly seers: readonly SpanProcessor[];
}

export interface TailSampling {
  readonly sampler: OwnSampler;
  readonly processor: SpanProcessor;
  /** What stands before the sinks that send records. */
  sinks(sinks: readonly Sink[]): readonly Sink[];
  held(): HeldState;
  /** Decides everything that waits: nothing comes after it. */
  conclude(): void;
  /** Ends the holding of records. */
  stop(): void;
}

const wait: Answer = Object.freeze({ decision: decisions.record });
const lowest: Readonly<Record<TailConfig['details'], number>> = {
  trace: severity.TRACE,
  debug: severity.DEBUG,
  off: OFF,
};

/** Starts to hold. */
export function tailSampling({ config, takers, seers }: TailParts): TailSampling {
  const taking = new SpanProcessors(takers);
  const seeing = new SpanProcessors(seers);
  let sent: readonly Sink[] = [];
  const holding = new Holding(config.tail, {
    span: (span) => taking.onEnd(span as never),
    ...(seers.length > 0 && { leftOut: (span) => seeing.onEnd(span as never) }),
    detail: release,
    told(record) {
      for (const sink of sent) sendTo(sink, record);
    },
  });
  const { details, logs } = config.tail;
  const letGo = holdDetails(holding, lowest[details]);
  flagged.keep = (traceId) => holding.flag(traceId);
  return {
    sampler: samplerBy(
      deciding(config, (traceId) => holding.isKept(traceId)),
      config,
    ),
    processor: processorOf(taking, holding),
    sinks(sinks) {
      if (logs !== 'all' || sinks.length === 0) return sinks;
      sent = sinks;
      const held: Sink = (record) => {
        if (holding.sends(record)) for (const sink of sinks) sendTo(sink, record);
      };
      return [held];
    },
    held: () => holding.state,
    conclude: () => holding.conclude(),
    stop() {
      letGo();
      flagged.keep = undefined;
    },
  };
}

function samplerBy(decide: Decide, config: Config['traces']): OwnSampler {
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
function deciding(
  { samplerArg, tracesPerSecond }: Config['traces'],
  isKept: (traceId: string) => boolean,
): Decide {
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

function processorOf(taking: SpanProcessors, holding: Holding): SpanProcessor {
  return {
    onStart(span, context) {
      holding.started(span as never);
      taking.onStart(span as never, context);
    },
    onEnding: (span) => taking.onEnding(span as never),
    onEnd: (span) => holding.ended(span),
    // What is open stays open: it is decided when it ends.
    forceFlush: () => taking.forceFlush(),
    shutdown() {
      holding.conclude();
      return taking.shutdown();
    },
  };
}
