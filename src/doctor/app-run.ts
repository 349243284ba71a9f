/** Runs the app for a while, with a probe inside it and everything that it sends sent to the doctor. */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeOptions, wholeEnvironment } from '../config/env.ts';
import type { ProbeReport } from './probe.ts';
import { openReceiver, type Receiver } from './receiver.ts';

/** A line of Sonde's own voice. */
export interface Told {
  readonly level: string;
  readonly code?: string;
  readonly message: string;
}

export interface AppRun extends Pick<Receiver, 'spans' | 'logs' | 'metrics'> {
  readonly probe?: ProbeReport;
  readonly told: readonly Told[];
}

/** Until the app is looked at; after that it has time to end. Milliseconds. */
const settleMillis = 3_000;
const longestMillis = 30_000;

/** What would send elsewhere, or not at all; the settings themselves are another examination. */
const replaced = /^OTEL_EXPORTER_OTLP_|^SONDE_OTLP(?:$|__)|^SONDE_LOG_(?:FORMAT|CONSOLE)$/;

function environmentFor(folder: string, url: string, probe: string): NodeJS.ProcessEnv {
  const kept = Object.entries(wholeEnvironment()).filter(([name]) => !replaced.test(name));
  return {
    ...Object.fromEntries(kept),
    NODE_OPTIONS: `${nodeOptions()} --require ${JSON.stringify(probe)}`.trim(),
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    SONDE_LOG_FORMAT: 'json',
    SONDE_DOCTOR_FOLDER: folder,
    SONDE_DOCTOR_MILLIS: String(settleMillis),
  };
}

function toldIn(output: string): Told[] {
  return output.split('\n').flatMap((line) => {
    if (!line.startsWith('{') || !line.includes('"sonde.diagnostics"')) return [];
    try {
      return [JSON.parse(line) as Told];
    } catch {
      return [];
    }
  });
}

/** Of several processes (npm, then node) the one that has Sonde. */
function reportIn(folder: string): ProbeReport | undefined {
  const names = fs.readdirSync(folder).filter((name) => name.endsWith('.json'));
  const reports = names.map((name): ProbeReport => JSON.parse(fs.readFileSync(join(folder, name), 'utf8')));
  return reports.find(({ status }) => status !== undefined) ?? reports.at(-1);
}

/** Resolves when the app has ended: by itself, or because it has been looked at. */
function watch(child: ChildProcess, folder: string): Promise<string> {
  let output = '';
  const take = (text: unknown): void => {
    output += text;
  };
  child.stdout!.on('data', take);
  child.stderr!.on('data', take);
  const started = performance.now();
  const poll = setInterval(() => {
    const millis = performance.now() - started;
    if (reportIn(folder)?.status !== undefined || millis > 4 * settleMillis) child.kill('SIGTERM');
    if (millis > longestMillis) child.kill('SIGKILL');
  }, 100);
  return new Promise<string>((resolve, reject) => {
    child.once('error', reject).once('close', () => resolve(output));
  }).finally(() => clearInterval(poll));
}

/** @throws what `spawn` throws: the command could not be run */
export async function runApp(command: readonly string[], probe: string): Promise<AppRun> {
  const receiver = await openReceiver();
  const folder = fs.mkdtempSync(join(tmpdir(), 'sonde-doctor-'));
  try {
    const env = environmentFor(folder, receiver.url, probe);
    const child = spawn(command[0]!, command.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = await watch(child, folder);
    const { spans, logs, metrics } = receiver;
    return { probe: reportIn(folder), told: toldIn(output), spans, logs, metrics };
  } finally {
    receiver.close();
    fs.rmSync(folder, { recursive: true, force: true });
  }
}
