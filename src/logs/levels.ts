/** The six levels. One spelling per process; every alias gives the same line (A1). */
import { shared } from '../slot.ts';

/** Name to OpenTelemetry SeverityNumber. The gaps are OpenTelemetry's: each name owns four numbers. */
export const severity = { TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, FATAL: 21 } as const;

export type LevelName = keyof typeof severity;

/** As Python spells the levels it has (A1). */
const pythonWords: Partial<Record<LevelName, LevelWord>> = { WARN: 'WARNING', FATAL: 'CRITICAL' };

/** A level as it is written in lines and in OTLP's SeverityText. */
export type LevelWord = LevelName | 'WARNING' | 'CRITICAL';

const spelling = shared<{ python: boolean }>('logs.spelling', () => ({ python: false }));

/** From now on WARN is written `WARNING` and FATAL `CRITICAL`, or no longer: one spelling per process. */
export function spellAsPython(on: boolean): void {
  spelling.python = on;
}

/** The word of the process for a level, where it is not the level's own name. */
export function otherWord(level: LevelWord): LevelWord | undefined {
  return spelling.python ? pythonWords[level as LevelName] : undefined;
}

/** A level as people write it; `off` lets nothing pass. Any case is understood at run time. */
export type Level = Lowercase<LevelName> | 'warning' | 'critical';

/** Above every level: nothing passes. */
export const OFF = 25;

const names: readonly LevelName[] = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];

const numbers: ReadonlyMap<string, number> = new Map<string, number>([
  ...names.map((name): [string, number] => [name.toLowerCase(), severity[name]]),
  ['warning', severity.WARN],
  ['critical', severity.FATAL],
  ['off', OFF],
  ['none', OFF],
  ['silent', OFF],
]);

/** The SeverityNumber (or `OFF`) of a level's name or alias in any case; `undefined` when it is none. */
export function parseLevel(text: unknown): number | undefined {
  return typeof text === 'string' ? numbers.get(text.trim().toLowerCase()) : undefined;
}

/** The name that owns a SeverityNumber: 10 is an INFO. Out of range is brought into it. */
export function levelOf(severityNumber: number): LevelName {
  const step = Math.floor((severityNumber - 1) / 4);
  return names[Math.min(Math.max(step, 0), names.length - 1)] ?? 'INFO';
}

/** How a threshold is told to people: `debug`, or `off`. */
export function levelText(threshold: number): Lowercase<LevelName> | 'off' {
  return threshold >= OFF ? 'off' : (levelOf(threshold).toLowerCase() as Lowercase<LevelName>);
}
