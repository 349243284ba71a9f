/** Everything that can be wrong, as one table: a stable code, and what to do about it. */
export const errorTable = {
  SONDE_ERR_OPTION: 'Correct the option; the message names it and what it takes.',
  SONDE_ERR_ENV: 'Correct the variable or unset it; the default named in the message is used meanwhile.',
  SONDE_ERR_ENV_UNKNOWN: 'Check the spelling; the nearest known name is given.',
  SONDE_ERR_CONFIG_FILE: 'Correct the file named by SONDE_CONFIG, or unset the variable.',
  SONDE_ERR_LOCKED: 'Take the setting away, or ask those who keep the policy; what it locks holds.',
  SONDE_ERR_NODE_VERSION: 'Run the app with Node.js 22.15 or newer, or remove the preload.',
  SONDE_ERR_NODE_HOOKS: 'Update Node.js to 22.22.3, 24.11.1 or 26 for ES module wrappers.',
  SONDE_ERR_FOREIGN_SDK: 'Keep one OpenTelemetry SDK: remove the other one, or add Sonde to it.',
  SONDE_ERR_API_VERSION:
    'Let every package use one @opentelemetry/api: run `npm dedupe`, or update the older copy.',
  SONDE_ERR_LOADED_EARLY:
    "Load Sonde first: `node --import sonde/register`, or `import './telemetry.js'` before anything else.",
  SONDE_ERR_BUNDLED:
    'Keep them out of the bundle: `--external:NAME` (esbuild), `externals` (webpack), `serverExternalPackages` (Next.js).',
  SONDE_ERR_EXPORT:
    'See the cause in the message; telemetry is kept while it can be, and counted when it is lost.',
  SONDE_ERR_STANDBY:
    'Start a collector there, name one in OTEL_EXPORTER_OTLP_ENDPOINT, or set SONDE_OTLP=off.',
  SONDE_ERR_SPOOL:
    'Mend what the message names; telemetry is kept in memory meanwhile, and is lost if the process ends first.',
  SONDE_ERR_TAIL:
    'Raise SONDE_TAIL_MAX_TRACES or SONDE_TAIL_MAX_BYTES; `tail.decided_early` in the counters says which.',
  SONDE_ERR_SHUTDOWN: 'Mend the callback; the process ends all the same.',
  SONDE_ERR_LOGGER: 'Mend the call or the value; the record was written without it.',
  SONDE_ERR_PART:
    'Mend the part that `sdk` was given; it is called on, and each failure is counted as `official.errors`.',
  SONDE_ERR_OTEL:
    'Update or correct the part of OpenTelemetry that the message is about, or the call of its API; the app is not affected.',
  SONDE_ERR_METRIC: 'Correct the name, the options or the view of the metric; the message names it.',
  SONDE_ERR_CARDINALITY:
    'Take the attribute off the measurement, or off the metric by a view (`attributeKeys.excluded`).',
  SONDE_ERR_PORT: 'Stop who holds the port, or name another one by the variable or option of that server.',
  SONDE_ERR_EXPOSED:
    'Name 127.0.0.1, or see to it that only those reach the port who may read what it shows.',
  SONDE_ERR_HEALTH: 'Correct the call that the message names; all other checks are as they were.',
  SONDE_ERR_REDACT_OFF: 'Unset SONDE_REDACT (`privacy.redact`) to hide secrets again.',
  SONDE_ERR_SINK: 'See the cause in the message; a record that no sink takes is printed on stderr.',
  SONDE_ERR_ALERT:
    'See the cause in the message; each alert is tried three times, and counted when it is lost.',
  SONDE_ERR_NODEMAILER: 'Install it beside the app: `npm install nodemailer`.',
  SONDE_ERR_QUERY_LOG: 'Set SONDE_DB__LOG_QUERIES=on (`db.logQueries`) to log them all the same.',
  SONDE_ERR_INTERNAL:
    'This is a defect of Sonde: please report it with the message. The app is not affected.',
} as const;

export type SondeErrorCode = keyof typeof errorTable;

/** Thrown by `init` for a wrong option, and by nothing after start. Match on `code`, not on the class. */
export class SondeError extends Error {
  readonly code: SondeErrorCode;
  /** What to do about it. */
  readonly remedy: string;

  constructor(code: SondeErrorCode, message: string, cause?: unknown) {
    super(`${message} ${errorTable[code]} [${code}]`, cause === undefined ? undefined : { cause });
    this.name = 'SondeError';
    this.code = code;
    this.remedy = errorTable[code];
  }
}
