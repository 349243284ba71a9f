/** One encoded request body on its way, with the little that has to be known about it after its items are gone. */
import type { Signal } from '../config/config.ts';

/** The order of sending, the most urgent first; what has to give way is taken from the other end. */
export const lanes = ['errors', 'logs', 'metrics', 'traces'] as const;

/** `errors`: log records of ERROR and above. */
export type Lane = (typeof lanes)[number];

export interface Parcel {
  readonly lane: Lane;
  /** Spans, log records or metric points in it. */
  readonly count: number;
  /** OTLP's JSON form; protobuf otherwise. */
  readonly json: boolean;
  /** Epoch milliseconds. */
  readonly born: number;
  /** Redacted, as it will be sent. */
  readonly body: Uint8Array;
}

export function signalOf(lane: Lane): Signal {
  return lane === 'errors' ? 'logs' : lane;
}
