/** The running Sonde, as the app holds it. */
import type { Options } from './config/config.ts';
import type { Volume } from './delivery/ledger.ts';
import type { OfficialParts } from './official.ts';

/** What `init` takes: any part of the configuration, and official OpenTelemetry parts to use unchanged. */
export type InitOptions = Options & { readonly sdk?: OfficialParts };

export interface EndOptions {
  /** Milliseconds after which waiting ends; 2,000 by default. What was not delivered by then is counted. */
  readonly timeoutMillis?: number;
}

/** What is on its way by OTLP at this moment. */
export interface DeliveryState {
  /** Spans, log records and metric points that wait or are under way, by signal. */
  readonly waiting: Readonly<Record<string, number>>;
  /** Bytes of encoded telemetry in memory. */
  readonly memoryBytes: number;
  /** Absent where there is none, or nothing has been written yet. */
  readonly spool?: {
    readonly bytes: number;
    /** Why it is out of use, if it is. */
    readonly error?: string;
  };
  /** What the last attempt that did not succeed met, for people. */
  readonly lastError?: string;
}

/** What waits for the verdict of `sonde_tail`. */
export interface HeldState {
  readonly traces: number;
  /** Estimated. */
  readonly bytes: number;
  /** Milliseconds for which the oldest trace has been waiting. */
  readonly oldestMillis: number;
}

export interface Status {
  readonly version: string;
  /**
   * `running`; `guest`: another SDK holds OpenTelemetry's globals, Sonde logs with its ids; `off`: only the console
   * logger is left (`OTEL_SDK_DISABLED`, an old Node.js, or after `shutdown`).
   */
  readonly mode: 'running' | 'guest' | 'off';
  readonly instrumentations: {
    /** Waiting for their target to be loaded. */
    readonly armed: readonly string[];
    readonly patched: readonly string[];
    /** Loaded before Sonde and out of reach. */
    readonly missed: readonly string[];
  };
  /** Which traces are kept: `parentbased_traceidratio{0.1}`. Absent in the other modes than `running`. */
  readonly sampler?: string | undefined;
  /** Absent where nothing is sent. */
  readonly delivery?: DeliveryState;
  /** What tail sampling holds until it is decided; absent without the sampler `sonde_tail`. */
  readonly tail?: HeldState;
  /** Who causes what is sent by OTLP. */
  readonly volume: Volume;
  /** What Sonde itself costs. */
  readonly overhead: {
    /** Its share of the process's CPU time lately, from 0 to 1, as far as it is timed: an estimate from samples. */
    readonly cpu: number;
  };
  /** Everything that was dropped, refused or held, by reason. Empty when all is well. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface Sonde {
  /** Delivers what is queued. Resolves at the latest after `timeoutMillis`; never rejects. */
  forceFlush(options?: EndOptions): Promise<void>;
  /**
   * Delivers what is queued, undoes every patch and gives the globals back. `getLogger` goes on as a console logger.
   * Resolves at the latest after `timeoutMillis`; never rejects; a second call gives the same promise.
   */
  shutdown(options?: EndOptions): Promise<void>;
  status(): Status;
  [Symbol.asyncDispose](): Promise<void>;
}
