/** Telemetry in tests (A66, A67, A72): what was logged, traced and measured, without a network and without a timer. */
import { watched } from './traces/watched.ts';

export type { App } from './testing/app-server.ts';
export { type CapturedLogs, captureLogs, captureNoLogs } from './testing/capture.ts';
export { type Collected, collect } from './testing/collect.ts';
export { expectQueries } from './testing/expect-queries.ts';
export { type ExpectedRequest, expectRequest, type RequestBudget } from './testing/expect-request.ts';
export { type ExpectedSpan, expectSpan } from './testing/expect-span.ts';
export type { CollectedMetric } from './testing/metrics.ts';
export type { QueryBudget } from './testing/queries.ts';
export { type RequestOptions, request, type TestResponse } from './testing/request.ts';
export type { CollectedSpan } from './testing/spans.ts';

// A Sonde that starts from now on records what nobody exports.
watched.wanted = true;
