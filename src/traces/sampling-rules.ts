/** The sampler `sonde_rules`: the first rule that is about a trace says how it is sampled. */
import { type Attributes, SpanKind, type SpanOptions } from '@opentelemetry/api';
import { byProbability, type Decide, limited } from './decide.ts';
import { ratioOf, type SamplingRule } from './sampling-rule.ts';

type Test = (name: string, options: SpanOptions) => boolean;

/** Decides for a root. What no rule is about is sampled by `ratio`. */
export function byRules(rules: readonly SamplingRule[], ratio: number, service: string): Decide {
  const ours = rules.filter((rule) => rule.service === undefined || glob(rule.service)(service));
  const compiled = ours.map((rule) => {
    const decide = byProbability(ratioOf(rule));
    return { isAbout: testOf(rule), decide: limited(decide, rule.perSecond) };
  });
  const otherwise = byProbability(ratio);
  return (parent, traceId, name, options) => {
    for (const { isAbout, decide } of compiled)
      if (isAbout(name, options)) return decide(parent, traceId, name, options);
    return otherwise(parent, traceId, name, options);
  };
}

/** What an app hands in may throw when it is looked at: then no rule is about it. */
function testOf(rule: SamplingRule): Test {
  const test = unguarded(rule);
  return (name, options) => {
    try {
      return test(name, options);
    } catch {
      return false;
    }
  };
}

function unguarded({ route, name, kind, attributes = {} }: SamplingRule): Test {
  const tests: Test[] = Object.entries(attributes).map(([key, value]) => {
    const matches = glob(String(value));
    return (_name, options) => {
      const given = options.attributes?.[key];
      return given !== undefined && matches(String(given));
    };
  });
  if (route !== undefined) tests.push(routeTest(route));
  if (kind !== undefined) {
    const wanted = SpanKind[kind.toUpperCase() as keyof typeof SpanKind];
    tests.push((_name, options) => (options.kind ?? SpanKind.INTERNAL) === wanted);
  }
  if (name !== undefined) {
    const matches = glob(name);
    tests.push((given) => matches(given));
  }
  return (given, options) => tests.every((test) => test(given, options));
}

function routeTest(route: string): Test {
  const isPath = pathTest(route);
  return (_name, { attributes }: { attributes?: Attributes }) => {
    if (attributes === undefined) return false;
    const { 'http.route': known, 'url.path': path } = attributes;
    return known === route || (typeof path === 'string' && isPath(path));
  };
}

/** Part by part; a slash at the end does not count. */
function pathTest(route: string): (path: string) => boolean {
  const parts = partsOf(route);
  const takesRest = parts.at(-1) === '*';
  if (takesRest) parts.pop();
  const tests = parts.map((part) =>
    /^(?::.+|\{.+\})$/.test(part) ? (text: string) => text !== '' : glob(part),
  );
  return (path) => {
    const given = partsOf(path);
    if (takesRest ? given.length < tests.length : given.length !== tests.length) return false;
    return tests.every((matches, at) => matches(given[at] as string));
  };
}

function partsOf(path: string): string[] {
  const parts = path.split('/');
  if (parts.length > 1 && parts.at(-1) === '') parts.pop();
  return parts;
}

/** `*` is any text. In time that grows with the text alone, whatever a caller sends: no regular expression. */
function glob(pattern: string): (text: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (text) => text === pattern;
  const middle = rest.filter((part) => part !== '');
  return (text) => {
    if (!text.startsWith(first) || !text.endsWith(last)) return false;
    let at = first.length;
    for (const part of middle) {
      const found = text.indexOf(part, at);
      if (found === -1) return false;
      at = found + part.length;
    }
    return at <= text.length - last.length;
  };
}
