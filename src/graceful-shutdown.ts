/** The end of a service that a deployment wants: first nobody is sent here, then nobody is left, then the process ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { diagnostics } from './diagnostics.ts';
import { isOwnListener, within } from './lifecycle.ts';
import { stopBeingReady } from './readiness.ts';

/** `http.Server` and whatever closes like one. */
export interface Closable {
  close(done?: (error?: Error) => void): unknown;
  closeIdleConnections?(): void;
  closeAllConnections?(): void;
}

export interface GracefulShutdownOptions {
  /** What takes requests. */
  readonly server: Closable | readonly Closable[];
  /**
   * Milliseconds between the signal and the closing, 0 by default: a load balancer goes on sending requests until it
   * has noticed. In Kubernetes 5,000 is usual.
   */
  readonly delay?: number;
  /** Milliseconds that requests under way get to finish, 10,000 by default; then their connections are cut. */
  readonly timeout?: number;
  /** `SIGTERM` and `SIGINT` by default. */
  readonly signals?: readonly NodeJS.Signals[];
  /** Called when the servers are closed: the place to end pools. Waited for, within what is left of `timeout`. */
  readonly onClosed?: () => unknown;
}

/**
 * On a signal: `/readyz` answers 503; waits for `delay`, closes the servers, lets requests finish, calls `onClosed`, and
 * raises the signal again, upon which Sonde sends what it holds and the process ends of that signal. A second signal
 * ends at once. Where the app listens to the signal too, ending the process is left to the app. Gives back what takes
 * the listeners off.
 *
 * @example gracefulShutdown({ server, delay: 5_000, timeout: 20_000, onClosed: () => pool.end() })
 */
export function gracefulShutdown(options: GracefulShutdownOptions): () => void {
  const { signals = ['SIGTERM', 'SIGINT'] } = options;
  const removals = signals.map((signal) => {
    const onSignal = () => void close(options, signal, remove);
    const remove = () => void process.off(signal, onSignal);
    process.on(signal, onSignal);
    return remove;
  });
  return () => {
    for (const remove of removals) remove();
  };
}

async function close(
  { server, delay = 0, timeout = 10_000, onClosed }: GracefulShutdownOptions,
  signal: NodeJS.Signals,
  remove: () => void,
): Promise<void> {
  // From now on a second signal finds Sonde alone.
  remove();
  stopBeingReady();
  if (delay > 0) await sleep(delay);
  const servers: readonly Closable[] = Array.isArray(server) ? server : [server as Closable];
  const end = performance.now() + timeout;
  await Promise.all(servers.map((one) => closed(one, timeout)));
  await within(Math.max(0, end - performance.now()), called(onClosed));
  if (process.listeners(signal).every(isOwnListener)) process.kill(process.pid, signal);
}

/** Resolves when nobody is connected any more; what is idle is let go, and after `millis` everybody. */
async function closed(server: Closable, millis: number): Promise<void> {
  const idle = setInterval(() => server.closeIdleConnections?.(), 100).unref();
  const done = new Promise<void>((resolve) => {
    try {
      server.close(() => resolve());
      server.closeIdleConnections?.();
    } catch (error) {
      // It has never listened.
      diagnostics.debug(`A server did not close: ${String(error)}`);
      resolve();
    }
  });
  await within(millis, done);
  clearInterval(idle);
  server.closeAllConnections?.();
}

async function called(work: (() => unknown) | undefined): Promise<void> {
  try {
    await work?.();
  } catch (error) {
    diagnostics.warn('SONDE_ERR_SHUTDOWN', `onClosed of gracefulShutdown failed: ${String(error)}.`);
  }
}
