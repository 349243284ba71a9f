/** A server app in a real process under the preload: started, driven, stopped by a signal that it handles. */
import { type Ended, type Run, runNode } from './child.ts';
import { type OtlpSink, startSink } from './otlp-sink.ts';

export interface Served<T> {
  readonly ended: Ended;
  readonly sink: OtlpSink;
  /** What `drive` gave. */
  readonly driven: T;
}

/** Queues that hold a whole run, so that a test may count to the unit. */
const wide: Record<string, string> = {
  OTEL_BSP_MAX_QUEUE_SIZE: '100000',
  OTEL_BLRP_MAX_QUEUE_SIZE: '100000',
  OTEL_METRIC_EXPORT_INTERVAL: '60000',
};

/**
 * Runs `args`, waits for the line `{"port":n}`, drives the app, sends SIGTERM and waits for the end. The app stops by
 * its own handler, so that everything of it is delivered as at a natural end.
 */
export async function runService<T>(
  args: readonly string[],
  run: Run,
  drive: (port: number, sink: OtlpSink) => Promise<T>,
): Promise<Served<T>> {
  const sink = await startSink();
  let driving: Promise<T> | undefined;
  const ended = await runNode(args, {
    timeoutMillis: 60_000,
    ...run,
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, ...wide, ...run.env },
    onStdout(text, kill) {
      const port = Number(/^\{"port":(\d+)\}$/m.exec(text)?.[1]);
      if (driving !== undefined || !(port > 0)) return;
      driving = drive(port, sink);
      const stop = () => kill('SIGTERM');
      driving.then(stop, stop);
    },
  });
  await sink.close();
  if (driving === undefined) throw new Error(`The app did not start: ${ended.stderr}`);
  return { ended, sink, driven: await driving };
}

/** [what a person types, arguments]: both flags for both kinds of module, for apps with `app.cjs` and `app.mjs`. */
export const preloadWays: readonly [string, string[]][] = [
  ['--require, CommonJS', ['--require', 'sonde/register', 'app.cjs']],
  ['--import, CommonJS', ['--import', 'sonde/register', 'app.cjs']],
  ['--require, ES modules', ['--require', 'sonde/register', 'app.mjs']],
  ['--import, ES modules', ['--import', 'sonde/register', 'app.mjs']],
];
