/** Sonde's own voice. Quiet when all is well, never silent when not; it never throws into the host. */
import { errorTable, type SondeErrorCode } from './errors.ts';
import { redactText } from './processing/redact.ts';
import { shared } from './slot.ts';

export type VoiceLevel = 'debug' | 'info' | 'warn' | 'error';
export type VoiceFields = Readonly<Record<string, string | number | boolean>>;
/** Where Sonde's words go; `init` replaces the plain stderr line by a record of logger `sonde.diagnostics`. */
export type Voice = (level: VoiceLevel, message: string, fields: VoiceFields) => void;

interface State {
  voice: Voice;
  said: Set<string>;
  counters: Map<string, number>;
}

const state = shared<State>('diagnostics', () => ({
  voice: stderrVoice,
  said: new Set(),
  counters: new Map(),
}));

function stderrVoice(level: VoiceLevel, message: string): void {
  if (level === 'warn' || level === 'error') process.stderr.write(`sonde: ${redactText(message)}\n`);
}

function say(level: VoiceLevel, message: string, fields: VoiceFields = {}): void {
  try {
    state.voice(level, message, fields);
  } catch {
    // The host must live even when nobody can be told.
  }
}

/** Everything the rest of Sonde may say or count. */
export const diagnostics = {
  /** A plain sentence, for the log stream. */
  info(message: string, fields?: VoiceFields): void {
    say('info', message, fields);
  },

  debug(message: string, fields?: VoiceFields): void {
    say('debug', message, fields);
  },

  /** A trouble with its code; the remedy of the table is added. */
  warn(code: SondeErrorCode, message: string, fields: VoiceFields = {}): void {
    say('warn', `${message} ${errorTable[code]}`, { code, ...fields });
  },

  error(code: SondeErrorCode, message: string, fields: VoiceFields = {}): void {
    say('error', `${message} ${errorTable[code]}`, { code, ...fields });
  },

  /** As `warn`, but only the first time for this key in the process. */
  warnOnce(key: string, code: SondeErrorCode, message: string, fields?: VoiceFields): void {
    if (state.said.has(key)) return;
    state.said.add(key);
    diagnostics.warn(code, message, fields);
  },

  infoOnce(key: string, message: string, fields?: VoiceFields): void {
    if (state.said.has(key)) return;
    state.said.add(key);
    diagnostics.info(message, fields);
  },

  /** Adds to a counter that outlives every fault, e.g. `dropped.spans.queue_full`. */
  count(name: string, by = 1): void {
    state.counters.set(name, (state.counters.get(name) ?? 0) + by);
  },

  counters(): ReadonlyMap<string, number> {
    return state.counters;
  },

  /** Replaces the voice; gives back the one before. */
  speakThrough(voice: Voice): Voice {
    const before = state.voice;
    state.voice = voice;
    return before;
  },
};
