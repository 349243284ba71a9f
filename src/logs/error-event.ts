/** An error event of Sentry's protocol, version 7: plain data without secrets (A60, A61). */

export interface Frame {
  readonly filename: string;
  readonly function?: string;
  readonly lineno?: number;
  readonly colno?: number;
  /** Whether it is the app's own: no package and no part of Node. */
  readonly in_app: boolean;
}

/** What `beforeSend` is given, and what is sent. */
export interface ErrorEvent {
  readonly event_id: string;
  /** Seconds since 1970. */
  readonly timestamp: number;
  readonly platform: 'node';
  readonly level: 'debug' | 'info' | 'warning' | 'error' | 'fatal';
  readonly logger: string;
  readonly message?: string;
  readonly release?: string;
  readonly environment?: string;
  readonly server_name?: string;
  /** The route, where the record is of a request. */
  readonly transaction?: string;
  readonly exception?: { readonly values: readonly ExceptionValue[] };
  readonly breadcrumbs?: { readonly values: readonly Breadcrumb[] };
  readonly contexts: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly extra?: Readonly<Record<string, string>>;
  readonly request?: {
    readonly method?: string;
    readonly url?: string;
    readonly headers?: Readonly<Record<string, string>>;
  };
  readonly user?: { readonly id?: string; readonly ip_address?: string };
  readonly fingerprint: readonly string[];
  readonly sdk: { readonly name: string; readonly version: string };
}

export interface ExceptionValue {
  readonly type: string;
  readonly value: string;
  readonly stacktrace?: { readonly frames: readonly Frame[] };
  readonly mechanism: { readonly type: string; readonly handled: boolean };
}

export interface Breadcrumb {
  readonly timestamp?: string;
  readonly level?: string;
  readonly category?: string;
  readonly message: string;
}
