/** Kinds of the settings that say which traces are kept. */
import { ratioOf, ruleText, type SamplingRule, spanKinds } from '../traces/sampling-rule.ts';
import { isPlain } from './collections.ts';
import type { SamplerName } from './config.ts';
import { type Kind, oneOf, ratio } from './kinds.ts';
import { shown } from './shown.ts';

const names: readonly SamplerName[] = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
  'sonde_rules',
  'sonde_tail',
];

/** Those of the specification that ask a server, and what stands in for them while that server does not answer. */
const remote: Readonly<Record<string, SamplerName>> = {
  jaeger_remote: 'traceidratio',
  parentbased_jaeger_remote: 'parentbased_traceidratio',
  xray: 'parentbased_always_on',
};

const named = oneOf(names);

/** As the specification has it for a server that cannot be reached: Sonde asks none. */
export const sampler: Kind<SamplerName> = {
  ...named,
  parse(text) {
    const name = text.toLowerCase();
    const value = Object.hasOwn(remote, name) ? remote[name] : undefined;
    if (value === undefined) return named.parse(text);
    const share = value.endsWith('ratio') ? ' with initialSamplingRate of OTEL_TRACES_SAMPLER_ARG, or 1' : '';
    const note = `is "${name}", whose server Sonde does not ask; using ${value}${share}. Set it to sonde_rules and its rules in SONDE_SAMPLING_RULES`;
    return { value, note };
  },
};

/** A ratio, also as `initialSamplingRate` in the list that `jaeger_remote` takes. */
export const samplerArg: Kind<number> = {
  ...ratio,
  parse(text) {
    const initial = /(?:^|,)\s*initialSamplingRate\s*=\s*([^,]*)/i.exec(text)?.[1];
    return ratio.parse(initial === undefined ? text : initial.trim());
  },
};

function isRate(given: unknown): given is number {
  return typeof given === 'number' && given > 0 && Number.isFinite(given);
}

/** Also below 1: one in ten seconds is 0.1. */
export const perSecond: Kind<number> = {
  takes: 'a positive number a second, such as 50 or 0.1',
  read: (given) => (isRate(given) || given === Number.POSITIVE_INFINITY ? (given as number) : undefined),
  parse: (text) => ({ value: rateIn(text.replace(/\/s$/, '')) }),
};

function rateIn(text: string): number | undefined {
  const rate = /^(?:\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : undefined;
  return isRate(rate) ? rate : undefined;
}

const texts = ['route', 'name', 'service'] as const;
const known = new Set<string>([...texts, 'kind', 'attributes', 'sample', 'perSecond']);

/** A copy, or nothing where something in it is not understood. */
function readRule(given: unknown): SamplingRule | undefined {
  if (!isPlain(given) || Object.keys(given).some((key) => !known.has(key))) return undefined;
  const { kind, attributes, sample, perSecond: most } = given as SamplingRule;
  const isRight =
    texts.every((key) => given[key] === undefined || (typeof given[key] === 'string' && given[key] !== '')) &&
    (kind === undefined || spanKinds.includes(kind)) &&
    (attributes === undefined || (isPlain(attributes) && Object.values(attributes).every(isScalar))) &&
    (sample === undefined || ratio.read(ratioOf({ sample })) !== undefined) &&
    (typeof sample !== 'string' || sample === 'keep' || sample === 'drop') &&
    (most === undefined || isRate(most));
  if (!isRight) return undefined;
  return attributes === undefined ? { ...given } : { ...given, attributes: { ...attributes } };
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value);
}

/** `route=/orders/* http.request.method=GET 0.1 5/s`: what it is about, then what is done, parted by spaces. */
function parseRule(text: string): SamplingRule | undefined {
  const rule: Record<string, unknown> = {};
  const attributes: Record<string, string> = {};
  for (const word of text.trim().split(/\s+/)) {
    const [, key, raw] = /^([^=]+)=(.*)$/.exec(word) ?? [];
    const [name, value] =
      key === undefined ? deedOf(word.toLowerCase()) : [key, readValue(key, raw as string)];
    const isOwn = known.has(name) && name !== 'attributes';
    const place = isOwn ? rule : attributes;
    if (value === undefined || Object.hasOwn(place, name)) return undefined;
    (place as Record<string, unknown>)[name] = value;
  }
  if (rule.sample === undefined && rule.perSecond === undefined) return undefined;
  return readRule(Object.keys(attributes).length === 0 ? rule : { ...rule, attributes });
}

function deedOf(word: string): [name: string, value: unknown] {
  if (word.endsWith('/s')) return ['perSecond', rateIn(word.slice(0, -2))];
  return ['sample', word === 'keep' || word === 'drop' ? word : ratio.parse(word).value];
}

function readValue(key: string, text: string): string | undefined {
  return key === 'kind' ? text.toLowerCase() : decoded(text);
}

/** A space, a semicolon and a percent sign are written as in a URL. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text) || undefined;
  } catch {
    return undefined;
  }
}

/** Rules of `sonde_rules` in their order; a variable's wrong ones are left out. */
export const samplingRules: Kind<readonly SamplingRule[]> = {
  takes: 'rules such as route=/checkout/* keep; kind=consumer 0.1; name=report* 5/s',
  texts: (rules) => rules.map(ruleText),
  read(given) {
    const rules = Array.isArray(given) ? given.map(readRule) : [undefined];
    return rules.every((rule) => rule !== undefined) ? rules : undefined;
  },
  parse(text) {
    const parts = text.split(';').filter((part) => part.trim() !== '');
    const read = parts.map((part) => ({ part: part.trim(), rule: parseRule(part) }));
    const value = read.flatMap(({ rule }) => rule ?? []);
    const wrong = read.filter(({ rule }) => rule === undefined).map(({ part }) => shown(part));
    if (wrong.length === 0) return value.length === 0 ? {} : { value };
    if (value.length === 0) return {};
    return { value, note: `names ${wrong.join(', ')}, which is no rule; it is left out` };
  },
};
