/** What holds for every request to the servers of a process: made once, from the configuration. */
import type { Tracer } from '@opentelemetry/api';
import type { Sensors } from '../src/instrumentation.ts';
import { load } from '../src/load.ts';
import { type IsSecret, secretTest } from '../src/processing/url.ts';
import { looksAtAttributes } from '../src/traces/sampling-rule.ts';
import { type ActiveRequests, activeRequests } from './active-requests.ts';
import { headerCapture } from './header-capture.ts';
import { type Durations, durations } from './http-attributes.ts';
import { ignored } from './http-request.ts';
import type { RequestRecords } from './request-records.ts';

type HeaderCapture = NonNullable<ReturnType<typeof headerCapture>>;

export interface Server {
  readonly tracer: Tracer;
  readonly duration: Durations;
  /** Whether a span is to begin with what is known of its request: the sampler looks at it. */
  readonly looks: boolean;
  readonly isIgnored: (target: string) => boolean;
  readonly isSecret: IsSecret;
  readonly echoes: boolean;
  readonly rejectsHosts: boolean;
  readonly active: ActiveRequests;
  readonly requestHeaders: HeaderCapture | undefined;
  readonly responseHeaders: HeaderCapture | undefined;
  readonly bodySizes: boolean;
  readonly serverTiming: boolean;
  /** Read with the first request: many a process serves none. */
  readonly records: () => RequestRecords;
}

export function observeServers({ config, tracer, meter }: Sensors): Server {
  let records: RequestRecords | undefined;
  return {
    tracer,
    duration: durations(meter, 'server', 'url.scheme', 'http.route'),
    looks: looksAtAttributes(config.traces),
    isIgnored: ignored(config.http.ignorePaths),
    isSecret: secretTest(config.privacy.redactKeys),
    echoes: config.correlation.echo,
    active: activeRequests(meter),
    requestHeaders: headerCapture(config.http.headers.serverRequest, 'request'),
    responseHeaders: headerCapture(config.http.headers.serverResponse, 'response'),
    bodySizes: config.http.bodySizes,
    serverTiming: config.http.serverTiming,
    rejectsHosts: config.security.rejectHosts && config.security.allowedHosts.length > 0,
    records() {
      records ??= load<typeof import('./request-records.ts')>('requests').requestRecords(config);
      return records;
    },
  };
}
