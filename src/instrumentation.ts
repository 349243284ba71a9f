/** SOCKET: what an instrumentation must do. Instrumentations are plain objects made by one factory each. */
import type { Meter, Tracer } from '@opentelemetry/api';
import type { Config } from './config/config.ts';

/** What an instrumentation is given when it is armed. */
export interface Sensors {
  readonly config: Config;
  readonly tracer: Tracer;
  readonly meter: Meter;
}

/** One library, observed. */
export interface Instrumentation {
  /** Short name as in `OTEL_NODE_DISABLED_INSTRUMENTATIONS`: `http`, `undici`, `pg`, `sqlite`. */
  readonly name: string;
  /**
   * Specifiers of the modules it patches (`pg`, `node:sqlite`); empty when channels are enough.
   * The module is handed to `patch` the first time the app loads it, never before.
   */
  readonly modules: readonly string[];
  /**
   * Whether `patch` takes the namespaces of ES modules, too: of its modules that have no CommonJS build, or another one
   * beside it. Before Node.js 22.22.3 and 24.11.1 such a module is evaluated a moment earlier than its turn; those that
   * cannot bear it are left alone there by `in turn`.
   */
  readonly takesNamespaces?: boolean | 'in turn';
  /** Specifiers of modules that are loaded through `require` once `prepare` has its own hooks there. May grow. */
  readonly loads?: Pick<ReadonlySet<string>, 'has' | 'size'>;
  /**
   * Called once per copy of such a module, right before Node.js evaluates it. Gives whether its hooks are to see it; what
   * they put in the place of its exports is what the app gets, by `import`, too.
   */
  prepare?(specifier: string, isImported: boolean): boolean;
  /** Called once at start. Subscribes to channels; must be cheap: the target is not loaded yet. */
  enable?(sensors: Sensors): void;
  /**
   * Called once per loaded copy of a module, with its exports and its file (none for a built-in). Must not throw; must
   * patch each object once.
   */
  patch?(exports: any, specifier: string, sensors: Sensors, path?: string): void;
  /** Undoes `enable` and every `patch`. */
  disable(): void;
}
