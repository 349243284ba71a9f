/** Sonde's own voice as records of logger `sonde.diagnostics`, in the format that was chosen for all. */
import { activeContext } from '../context/context.ts';
import { stampOf } from '../context/correlation.ts';
import type { Voice, VoiceLevel } from '../diagnostics.ts';
import type { Format } from './format.ts';
import { levelOf, parseLevel, severity } from './levels.ts';
import { type LineStream, lineStream } from './line-stream.ts';
import { now } from './time.ts';
import { nodeOf } from './tree.ts';

export const voiceLogger = 'sonde.diagnostics';

export interface VoiceOptions {
  readonly format: Format;
  /** For INFO and DEBUG: the log stream; `undefined` keeps them to itself. Standard output by default. */
  readonly log?: LineStream | undefined;
  /** For WARN and ERROR. Standard error by default. */
  readonly trouble?: LineStream;
}

/**
 * For `diagnostics.speakThrough`. The lines go straight to their streams, past the pipeline: what speaks of a broken
 * sink must not need it.
 */
export function diagnosticsVoice(options: VoiceOptions): Voice {
  const { format, trouble = lineStream('stderr') } = options;
  const log = 'log' in options ? options.log : lineStream('stdout');
  return (level, message, fields) => {
    const severityNumber = numberOf(level);
    if (severityNumber < nodeOf(voiceLogger).inForce) return;
    const stream = severityNumber >= severity.WARN ? trouble : log;
    const context = activeContext();
    stream?.write(
      format({
        time: now(),
        level: levelOf(severityNumber),
        severityNumber,
        logger: voiceLogger,
        message,
        fields,
        stamp: stampOf(context),
        context,
      }),
    );
  };
}

function numberOf(level: VoiceLevel): number {
  return parseLevel(level) ?? severity.INFO;
}
