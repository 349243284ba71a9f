/** Spans, metrics and logs of one call of a test (A66). */
import { createRequire } from 'node:module';
import { earlyLogs } from '../config/early.ts';
import { core } from '../core.ts';
import { addWatcher } from '../logs/pipeline.ts';
import type { LogRecord, Sink } from '../logs/record.ts';
import { watched } from '../traces/watched.ts';
import { type CapturedLogs, presented } from './capture.ts';
import { type CollectedMetric, changed, readSeries } from './metrics.ts';
import { belongs, newScope, withScope } from './scope.ts';
import { type CollectedSpan, watchSpans } from './spans.ts';

/** Only for its cache: the one of whichever module system loaded this file. */
const modules = createRequire(process.execPath);

/** What a call did, and what it gave back. */
export interface Collected<T> {
  readonly result: T;
  /** Those that have ended, in the order of their start. */
  readonly spans: readonly CollectedSpan[];
  /**
   * The series that changed meanwhile, but for those of the runtime. Metrics are sums of the whole process: what other tests do at the same time is
   * in them, too.
   */
  readonly metrics: readonly CollectedMetric[];
  /** By the levels in force. */
  readonly logs: CapturedLogs;
}

/**
 * Runs `fn` and gives back its result with the spans, metrics and logs that it made; a server's span is waited for. If
 * Sonde is not running it is started, without network, and stays for the tests after this one. Load `sonde/testing`
 * before Sonde starts where nothing says that this is a test (mocha without `NODE_ENV=test`) and no exporter is on:
 * spans are recorded then for the tests.
 *
 * @throws what `fn` throws
 * @example
 * const { result, spans, logs } = await collect(() => request(app, '/orders/7'));
 * assert.equal(spans[0].name, 'GET /orders/{id}');
 */
export async function collect<T>(fn: () => T | Promise<T>): Promise<Collected<Awaited<T>>> {
  startSonde();
  watched.lookAt?.(modules.cache);
  const scope = newScope();
  const records: LogRecord[] = [];
  const sink: Sink = (record) => {
    if (belongs(scope, record.context, record.stamp.traceId)) records.push(record);
  };
  const watch = watchSpans(scope);
  const before = await readSeries();
  const unwatch = addWatcher(sink);
  try {
    const result = await withScope(scope, async () => {
      const given = await fn();
      await watch.settled();
      return given;
    });
    const metrics = changed(before, await readSeries());
    return { result, spans: watch.spans(), metrics, logs: presented(records) };
  } finally {
    unwatch();
    watch.stop();
  }
}

/** As quiet as before: who printed nothing then prints nothing now. */
function startSonde(): void {
  watched.wanted = true;
  core.init({ otlp: { off: true }, logs: { console: earlyLogs().print ? 'auto' : 'off' } });
}
