/** Options by the names that Sentry's `init` gives them (A60), put where Sonde has them. */
import { isPlain } from './collections.ts';
import type { Config } from './config.ts';

/** What may stand at the top of the options. Where Sonde's own name is there, too, that one holds. */
export interface SentryWords {
  /** `errors.dsn` (`SENTRY_DSN`). */
  readonly dsn?: string;
  /** `errors.sendDefaultPii`; false by default. */
  readonly sendDefaultPii?: boolean;
  /** `errors.beforeSend`. */
  readonly beforeSend?: Config['errors']['beforeSend'];
  /** `errors.ignoreErrors`. */
  readonly ignoreErrors?: readonly (string | RegExp)[];
  /** `traces.sampler: 'parentbased_traceidratio'` with this ratio. */
  readonly tracesSampleRate?: number;
  /** `resource['deployment.environment.name']`. */
  readonly environment?: string;
  /** `service.version`. */
  readonly release?: string;
  /** Has no effect: to start a CPU profile stops the process for 20 ms, which no share of requests is worth. */
  readonly profilesSampleRate?: number;
}

const ofErrors = ['dsn', 'sendDefaultPii', 'beforeSend', 'ignoreErrors'];
const others = ['tracesSampleRate', 'environment', 'release', 'profilesSampleRate'];

/** The same options without these names at their top. */
export function inOwnWords(given: Record<string, unknown>): Record<string, unknown> {
  const named = [...ofErrors, ...others].filter((name) => given[name] !== undefined);
  if (named.length === 0) return given;
  const { tracesSampleRate: ratio, environment, release, profilesSampleRate: _none, ...rest } = given;
  const errors = Object.fromEntries(
    named.filter((name) => ofErrors.includes(name)).map((name) => [name, rest[name]]),
  );
  const own = Object.fromEntries(Object.entries(rest).filter(([name]) => !ofErrors.includes(name)));
  const under = (name: string, words: object): Record<string, unknown> => {
    const said = own[name];
    if (Object.keys(words).length === 0) return {};
    return { [name]: isPlain(said) || said === undefined ? { ...words, ...(said as object) } : said };
  };
  return {
    ...own,
    ...under('errors', errors),
    ...under('traces', ratio === undefined ? {} : { sampler: 'parentbased_traceidratio', samplerArg: ratio }),
    ...under('resource', environment === undefined ? {} : { 'deployment.environment.name': environment }),
    ...under('service', release === undefined ? {} : { version: release }),
  };
}
