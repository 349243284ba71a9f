/** Arms one bridge by the real dispatcher and collects what it hands on. */
import { Writable } from 'node:stream';
import { type Bridge, bridgeTo } from '../../instrumentation/bridge.ts';
import type { BridgeName, BridgeWay } from '../../src/config/config.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { type ArmedProcess, armed } from './armed.ts';

export interface BridgedProcess extends ArmedProcess {
  /** What was handed on so far. */
  readonly records: LogRecord[];
}

export interface BridgedOptions {
  /** Both by default. */
  readonly ways?: readonly BridgeWay[];
  readonly level?: string;
}

/** `stop()` disarms it and gives the sinks back. */
export function bridged(
  name: BridgeName,
  make: (bridge: Bridge) => Instrumentation,
  { ways = ['send', 'inject'], level = 'trace' }: BridgedOptions = {},
): BridgedProcess {
  const { config } = resolveConfig({ bridges: { level, [name]: ways } }, {});
  const records: LogRecord[] = [];
  const sinks = setSinks([(record) => void records.push(record)]);
  const process = armed([make(bridgeTo(name, config))]);
  return {
    ...process,
    records,
    async stop() {
      setSinks(sinks);
      await process.stop();
    },
  };
}

/** A stream for the lines that a library writes. */
export function lineSink(): { readonly stream: Writable; readonly lines: string[] } {
  const lines: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _encoding, done) {
      lines.push(...String(chunk).split('\n').filter(Boolean));
      done();
    },
  });
  return { stream, lines };
}
