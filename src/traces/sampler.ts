/** The samplers that the configuration can name. */
import { type Context, isSpanContextValid, type SpanContext, trace } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace';
import type { Config, SamplerName } from '../config/config.ts';
import { always, byParent, byProbability, byWords, type Decide, limited, never } from './decide.ts';
import { byRules } from './sampling-rules.ts';

/** A sampler that is asked before anything is made of what the app says of the span. */
export interface OwnSampler extends Sampler {
  /** Where there is no more to say than yes or no, the answers are `keep` and `drop`, the same objects each time. */
  decide: Decide;
}

type Settings = Config['traces'];

/** Those that decide anew for every span, whatever its parent is. */
const alone: readonly SamplerName[] = ['always_on', 'always_off', 'traceidratio'];

const roots: Record<SamplerName, (settings: Settings, service: string) => Decide> = {
  always_on: () => always,
  always_off: () => never,
  traceidratio: ({ samplerArg }) => byWords(samplerArg),
  parentbased_always_on: () => always,
  parentbased_always_off: () => never,
  parentbased_traceidratio: ({ samplerArg }) => byProbability(samplerArg),
  sonde_rules: ({ rules, samplerArg }, service) => byRules(rules, samplerArg, service),
  sonde_tail: () => always,
};

/** @param service whose rules hold: its `service.name` */
export function samplerOf(settings: Settings, service = ''): OwnSampler {
  const { sampler, tracesPerSecond } = settings;
  const root = limited(roots[sampler](settings, service), tracesPerSecond);
  const decide = alone.includes(sampler) ? root : byParent(root);
  return {
    decide,
    shouldSample: (context, traceId, name, kind, attributes, links) =>
      decide(parentIn(context), traceId, name, { kind, attributes, links }),
    toString: () => described(settings),
  };
}

/** `sonde_rules{2 rules, else 0.1}, at most 50 traces a second` */
function described({ sampler, samplerArg, rules, tracesPerSecond }: Settings): string {
  const counted = rules.length === 1 ? '1 rule' : `${rules.length} rules`;
  const details = sampler === 'sonde_rules' ? `{${counted}, else ${samplerArg}}` : '';
  const ratio = sampler.endsWith('ratio') || sampler === 'sonde_tail' ? `{${samplerArg}}` : '';
  const limit = Number.isFinite(tracesPerSecond) ? `, at most ${tracesPerSecond} traces a second` : '';
  return `${sampler}${details}${ratio}${limit}`;
}

/** The parent of a span that starts in `context`, if it has a proper one. */
export function parentIn(context: Context): SpanContext | undefined {
  const parent = trace.getSpan(context)?.spanContext();
  return parent !== undefined && isSpanContextValid(parent) ? parent : undefined;
}
