/** SOCKET: what a destination must do. Destinations are plain objects made by one factory each. */

/** What became of one batch. */
export interface ExportResult {
  /** `ok`: the destination has it. `rejected`: it never will, do not try again. `failed`: it could not be reached. */
  readonly outcome: 'ok' | 'rejected' | 'failed';
  /** How many items the destination refused of a batch it accepted (OTLP partial success). */
  readonly rejectedItems?: number;
  /** For people: what went wrong, and what to do. */
  readonly reason?: string;
  /** HTTP status, gRPC status name or Node error code. */
  readonly code?: string | number;
}

/** A destination for batches of one kind of item. */
export interface Exporter<Item> {
  /** Who this is in a message: `otlp traces http/protobuf`. */
  readonly name: string;
  /**
   * Called with one batch at a time, never concurrently with itself. Must resolve, never reject; must not keep
   * or change the array or its items after resolving; must not hold the process open by a timer.
   */
  export(items: readonly Item[]): Promise<ExportResult>;
  /** After this resolves everything handed over earlier has been tried. */
  forceFlush(): Promise<void>;
  /** Gives back sockets and files. `export` after it answers `failed`. */
  shutdown(): Promise<void>;
}
