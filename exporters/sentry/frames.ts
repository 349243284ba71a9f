/** The frames of a stack, as Sentry wants them: the call that failed last. */

import type { Frame } from '../../src/logs/error-event.ts';

const mostFrames = 50;
const line = /^\s+at (?:(?:async )?(.+?) \()?(.+?)(?::(\d+))?(?::(\d+))?\)?$/;

export function framesOf(stack: string): Frame[] {
  return stack
    .split('\n')
    .flatMap((text) => frameOf(text) ?? [])
    .slice(0, mostFrames)
    .reverse();
}

function frameOf(text: string): Frame | undefined {
  const found = line.exec(text);
  if (found === null) return undefined;
  const [, name, file = '', row, column] = found;
  const filename = file.replace(/^file:\/\//, '');
  return {
    filename,
    ...(name !== undefined && { function: name }),
    ...(row !== undefined && { lineno: Number(row) }),
    ...(column !== undefined && { colno: Number(column) }),
    in_app: !/^node:|[\\/]node_modules[\\/]|^native$|^<anonymous>$/.test(filename),
  };
}
