/** How many spans were started and are under way (`otel.sdk.span.*`): asked of the sampler, who sees each of them. */
import { type Meter, type SpanContext, trace } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';
import { shared } from '../slot.ts';
import type { Decide } from './decide.ts';
import type { OwnSampler } from './sampler.ts';

const results = ['DROP', 'RECORD_ONLY', 'RECORD_AND_SAMPLE'] as const;
const origins = ['none', 'local', 'remote'] as const;

interface Census {
  /** By the parent's origin, then by the sampler's decision. */
  readonly started: readonly number[][];
  /** By the sampler's decision. */
  readonly live: number[];
}

const census = shared<Census>('spans.census', () => ({
  started: origins.map(() => results.map(() => 0)),
  live: results.map(() => 0),
}));

/** The sampler, with each of its decisions counted. */
export function counted(sampler: OwnSampler | Sampler): OwnSampler | Sampler {
  const asked: Sampler = {
    shouldSample(...question) {
      const result = sampler.shouldSample(...question);
      count(trace.getSpanContext(question[0]), result.decision);
      return result;
    },
    toString: () => sampler.toString(),
  };
  if (!('decide' in sampler)) return asked;
  const decide: Decide = (parent, traceId, name, options) => {
    const answer = sampler.decide(parent, traceId, name, options);
    count(parent, answer.decision);
    return answer;
  };
  return { ...asked, decide };
}

function count(parent: SpanContext | undefined, decision: number): void {
  const row = census.started[parent === undefined ? 0 : parent.isRemote ? 2 : 1] as number[];
  row[decision]!++;
}

/** A span that records has begun (1) or ended (-1). */
export function countLive({ traceFlags }: { readonly traceFlags?: number }, by: 1 | -1): void {
  census.live[((traceFlags ?? 0) & 1) === 1 ? 2 : 1]! += by;
}

/** Reports the census at every collection. */
export function reportSpans(meter: Meter): void {
  const unit = '{span}';
  meter.createObservableCounter('otel.sdk.span.started', { unit }).addCallback((told) => {
    for (const [at, row] of census.started.entries())
      for (const [result, count] of row.entries())
        if (count > 0)
          told.observe(count, {
            'otel.span.parent.origin': origins[at],
            'otel.span.sampling_result': results[result],
          });
  });
  meter.createObservableUpDownCounter('otel.sdk.span.live', { unit }).addCallback((told) => {
    told.observe(census.live[2] as number, { 'otel.span.sampling_result': results[2] });
    if (census.live[1] !== 0) told.observe(census.live[1]!, { 'otel.span.sampling_result': results[1] });
  });
}
