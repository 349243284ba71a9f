/** What carries one encoded request to a receiver and brings its answer back, whatever the protocol. */

/** The answer to one attempt. */
export interface Reply {
  /** As in `ExportResult`. */
  readonly outcome: 'ok' | 'rejected' | 'failed';
  /** HTTP status, gRPC status name or Node error code; absent when accepted. */
  readonly code?: string | number;
  /** The receiver's own words, or what Node says; not yet fit for a log line. */
  readonly message?: string;
  /** When the receiver wants the next attempt, in milliseconds from now. */
  readonly retryAfterMillis?: number;
  /** The body of an accepted request. */
  readonly body?: Uint8Array;
  /** Where a redirect points to. */
  readonly location?: string;
}

export interface Transport {
  /** One attempt. Resolves always; holds the process by nothing but a connection being opened. */
  send(body: Uint8Array): Promise<Reply>;
  /** Cuts what is under way, which then answers `failed`, and gives back sockets. */
  close(): void;
}
