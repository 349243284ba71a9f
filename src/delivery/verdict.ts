/** One line at the first export of the process: who accepted what, or why not and what to do. */
import type { OtlpProtocol, Signal } from '../config/config.ts';
import { diagnostics } from '../diagnostics.ts';
import type { Attempt } from './retry.ts';

/** Where one signal goes, for people. */
export interface Destination {
  readonly signal: Signal;
  readonly protocol: OtlpProtocol;
  readonly origin: string;
  readonly named: boolean;
}

export interface Verdict {
  /** A signal has something to send: the verdict waits for its answer, 5 s at most. */
  begun(to: Destination): void;
  /** Answers whether somebody has been told why the attempt did not succeed. */
  heard(to: Destination, attempt: Attempt): boolean;
  /** Says what is not said yet; at shutdown. */
  close(): void;
}

export interface VerdictOptions {
  /** Log records are both printed and sent. */
  readonly logsTwice: boolean;
  /** How long the first acceptance waits for the other signals. */
  readonly waitMillis?: number;
}

const bothWays =
  'Logs leave twice, on stdout and by OTLP; OTEL_LOGS_EXPORTER=none or SONDE_LOG_CONSOLE=off keeps one.';

/** One for all signals of a process. */
export function createVerdict({ logsTwice, waitMillis = 5000 }: VerdictOptions): Verdict {
  const begun = new Set<Signal>();
  const accepted = new Map<Signal, Destination>();
  const troubles = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let said = false;

  function say(): void {
    clearTimeout(timer);
    if (said || accepted.size === 0) return;
    said = true;
    const sentences = [`OTLP: ${acceptedBy([...accepted.values()])}.`];
    if (logsTwice && [...accepted.values()].some((to) => to.named)) sentences.push(bothWays);
    diagnostics.info(sentences.join(' '));
  }

  function accept(to: Destination): void {
    if (said) return;
    accepted.set(to.signal, to);
    if ([...begun].every((signal) => accepted.has(signal))) say();
    else timer ??= setTimeout(say, waitMillis).unref();
  }

  /** A cause is told once, for whichever signal meets it first; after an acceptance it is no verdict any more. */
  function tell(to: Destination, { reason, unnamed, code, outcome }: Attempt): boolean {
    if (outcome === 'failed' && unnamed && code === 'ECONNREFUSED') return false;
    if (said && outcome === 'failed') return false;
    const cause = `${to.origin} ${code}`;
    if (troubles.has(cause)) return !said;
    if (said) return false;
    troubles.add(cause);
    const fate = outcome === 'rejected' ? 'are refused' : 'do not arrive yet';
    diagnostics.warn('SONDE_ERR_EXPORT', `OTLP: ${to.signal} ${fate}: ${reason}.`);
    return true;
  }

  return {
    begun: (to) => void begun.add(to.signal),
    heard(to, attempt) {
      if (attempt.outcome !== 'ok') return tell(to, attempt);
      accept(to);
      return false;
    },
    close: say,
  };
}

const order: readonly Signal[] = ['traces', 'metrics', 'logs'];

/** `traces, logs accepted by http://localhost:4318 (http/protobuf)`, one part for each place. */
function acceptedBy(destinations: readonly Destination[]): string {
  const places = Map.groupBy(destinations, ({ origin, protocol }) => `${origin} (${protocol})`);
  const parts = [...places].map(([place, at]) => {
    const signals = order.filter((signal) => at.some((to) => to.signal === signal));
    return `${signals.join(', ')} accepted by ${place}`;
  });
  return parts.join('; ');
}
