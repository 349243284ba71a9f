/** The six levels. One spelling per process; every alias gives the same line (A1). */

/** Name to OpenTelemetry SeverityNumber. The gaps are OpenTelemetry's: each name owns four numbers. */
export const severity = { TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, FATAL: 21 } as const;

export type LevelName = keyof typeof severity;

/** Above every level: nothing passes. */
export const OFF = 25;
