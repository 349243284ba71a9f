/** The six levels. One spelling per process; every alias gives the same line (A1). */
import { shared } from '../slot.ts';

/** Name to OpenTelemetry SeverityNumber. The gaps are OpenTelemetry's: each name owns four numbers. */
export const severity = { TRACE: 1, DEBUG: 5, INFO: 9, WARN: 13, ERROR: 17, FATAL: 21 } as const;

export type LevelName = keyof typeof severity;

/** A level as it is written in lines and in OTLP's SeverityText. */
export type LevelWord = UpperWord | Lowercase<UpperWord>;

type UpperWord = LevelName | 'WARNING' | 'CRITICAL';
type Words = Readonly<Record<LevelName, LevelWord>>;

const pythonWords: Words = {
  ...{ TRACE: 'TRACE', DEBUG: 'DEBUG', INFO: 'INFO' },
  ...{ WARN: 'WARNING', ERROR: 'ERROR', FATAL: 'CRITICAL' },
};
const structlogWords: Words = {
  ...{ TRACE: 'trace', DEBUG: 'debug', INFO: 'info' },
  ...{ WARN: 'warning', ERROR: 'error', FATAL: 'critical' },
};

/** What of the process wants words of its own. structlog's win: lower case is what its readers search for. */
interface Spelling {
  format: string;
  dict: string | undefined;
  words: Words | undefined;
}

const spelling = shared<Spelling>('logs.spelling', () => ({ format: '', dict: undefined, words: undefined }));

/** From now on levels are written as this format writes them: one spelling per process. */
export function spellForFormat(format: string): void {
  spelling.format = format;
  respell();
}

/** The same for a `dictConfig` with these formatters, which is Python's anyway; `undefined` when there is none. */
export function spellForDict(formats: readonly string[] | undefined): void {
  spelling.dict = formats === undefined ? undefined : formats.includes('structlog') ? 'structlog' : 'django';
  respell();
}

function respell(): void {
  const wanted = [spelling.format, spelling.dict];
  const python = wanted.includes('django') ? pythonWords : undefined;
  spelling.words = wanted.includes('structlog') ? structlogWords : python;
}

/** The word of the process for a record's level, where it is not the one that it has. */
export function otherWord(level: LevelWord, severityNumber: number): LevelWord | undefined {
  const word = spelling.words?.[levelOf(severityNumber)];
  return word === level ? undefined : word;
}

/** structlog's word for a severity, whatever the process speaks. */
export function structlogWord(severityNumber: number): LevelWord {
  return structlogWords[levelOf(severityNumber)];
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
