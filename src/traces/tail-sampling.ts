/** What waits for a verdict where the sampler is `sonde_tail`: a span processor, and a holder of records. */
import type { SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Config, TailConfig } from '../config/config.ts';
import { OFF, severity } from '../logs/levels.ts';
import { holdDetails, release, sendTo } from '../logs/pipeline.ts';
import type { Sink } from '../logs/record.ts';
import type { HeldState } from '../sonde.ts';
import { Holding } from './holding.ts';
import { flagged } from './keep-trace.ts';
import type { SpanProcessors } from './span-processors.ts';

export interface TailParts {
  readonly config: Config['traces'];
  /** Take the spans that are kept; of starts they hear at once. */
  readonly takers: SpanProcessors;
  /** Those of them that see the others, too, unsampled; absent where there are none. */
  readonly seers: SpanProcessors | undefined;
}

export interface TailSampling {
  /** Whether it is decided already that this trace is kept. */
  isKept(traceId: string): boolean;
  readonly processor: SpanProcessor;
  /** What stands before the sinks that send records. */
  sinks(sinks: readonly Sink[]): readonly Sink[];
  held(): HeldState;
  /** Decides everything that waits: nothing comes after it. */
  conclude(): void;
  /** Ends the holding of records. */
  stop(): void;
}

const lowest: Readonly<Record<TailConfig['details'], number>> = {
  trace: severity.TRACE,
  debug: severity.DEBUG,
  off: OFF,
};

/** Starts to hold. */
export function tailSampling({ config, takers, seers }: TailParts): TailSampling {
  let sent: readonly Sink[] = [];
  const holding = new Holding(config.tail, {
    span: (span) => takers.onEnd(span as never),
    ...(seers !== undefined && { leftOut: (span) => seers.onEnd(span as never) }),
    detail: release,
    told(record) {
      for (const sink of sent) sendTo(sink, record);
    },
  });
  const { details, logs } = config.tail;
  const letGo = holdDetails(holding, lowest[details]);
  flagged.keep = (traceId) => holding.flag(traceId);
  return {
    isKept: (traceId) => holding.isKept(traceId),
    processor: processorOf(takers, holding),
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

function processorOf(takers: SpanProcessors, holding: Holding): SpanProcessor {
  return {
    onStart(span, context) {
      holding.started(span as never);
      takers.onStart(span as never, context);
    },
    onEnding: (span) => takers.onEnding(span as never),
    onEnd: (span) => holding.ended(span),
    // What is open stays open: it is decided when it ends.
    forceFlush: () => takers.forceFlush(),
    shutdown() {
      holding.conclude();
      return takers.shutdown();
    },
  };
}
