/** One alert: what goes out by mail, webhook, file, or a function of the app's own. */

/** What is known of an alert, as data: for receivers that are no people. Nothing in it is secret. */
export interface AlertFacts {
  readonly service?: string;
  readonly environment?: string;
  readonly level: string;
  readonly logger: string;
  readonly message: string;
  /** ISO 8601. */
  readonly timestamp: string;
  readonly fingerprint: string;
  readonly trace_id?: string;
  readonly span_id?: string;
  readonly correlation_id?: string;
  readonly link?: string;
  readonly error?: { readonly type: string; readonly message: string; readonly stack?: string };
  readonly request?: {
    readonly method?: string;
    readonly url?: string;
    readonly ip?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly fields?: Readonly<Record<string, string>>;
  /** What was logged in the trace before, oldest first. */
  readonly breadcrumbs?: readonly string[];
  /** In a summary: how many were held back. */
  readonly more?: number;
}

/** One message, ready to be sent. */
export interface Alert {
  /** One line without control characters, fit for a mail's header. */
  readonly subject: string;
  readonly text: string;
  readonly html?: string;
  readonly facts: AlertFacts;
}
