/** SOCKET: where a record ends up inside the tree, and what decides whether it does. */
import type { LogRecord } from './record.ts';

/**
 * Says whether a record goes on: `false` stops it here, `true` lets it pass, a record takes its place. Synchronous.
 * One that throws lets the record pass, and is counted as `logs.filter_errors`. (A5)
 */
export type Filter = (record: LogRecord) => boolean | LogRecord;

/** Turns a record into one line of text, without the line break. */
export type Formatter = (record: LogRecord) => string;

/** A place that takes records: console, file, memory, mail. Made by one factory each. */
export interface Destination {
  /**
   * Takes one record at once. May throw: the record then goes to the last resort, counted and announced. Must not
   * keep the process alive, nor log through the logger that it serves.
   */
  write(record: LogRecord): void;
  /**
   * SeverityNumber from which records are made for it even where the logger's level lets none pass; a logger that is
   * off stays off. Nobody else gets those records.
   */
  readonly wantsBelow?: number;
  /** Resolves when everything taken before is out, or given up and counted. Never rejects. */
  flush?(): Promise<void>;
  /** The same without waiting, at `exit` and in a crash: what cannot go out synchronously is counted. */
  flushSync?(): void;
  /** Gives back files, sockets and timers. `write` after it throws. */
  close?(): void;
}

/** A destination with its own level and filters, under a name. */
export interface Handler {
  readonly name: string;
  /** SeverityNumber below which nothing is taken; 0 takes all. */
  level: number;
  readonly filters: readonly Filter[];
  readonly destination: Destination;
}
