#!/usr/bin/env node
/** `sonde doctor [--json] [-- node app.js]`: what is wrong, why, and the line to type. Loaded by no service. */
import { join } from 'node:path';
import { resolveConfig } from '../config/resolve.ts';
import { runApp } from './app-run.ts';
import { bundle } from './bundle.ts';
import { copies } from './copies.ts';
import { dumps } from './dumps.ts';
import { endpoints } from './endpoints.ts';
import type { Examination, Outcome, Patient } from './finding.ts';
import { loading } from './loading.ts';
import { loggers } from './loggers.ts';
import { node } from './node.ts';
import { operations } from './operations.ts';
import { settings } from './settings.ts';
import { signals } from './signals.ts';

const usage = 'Usage: sonde doctor [--json] [-- node app.js]';
const examinations: readonly Examination[] = [
  ...[node, copies, settings, endpoints],
  ...[loading, bundle, signals, operations, dumps, loggers],
];
const probe = join(import.meta.dirname, 'parts/doctorProbe.cjs');

type Told = Outcome & { readonly name: string };

/** The script of a command line, by which the app's package.json is found. */
function scriptOf([, ...args]: readonly string[]): string {
  return join(process.cwd(), args.find((arg) => /\.[cm]?[jt]s$/.test(arg)) ?? 'app.js');
}

async function examine(command: readonly string[]): Promise<Told[]> {
  const script = scriptOf(command);
  process.argv[1] = script;
  const { config, problems } = resolveConfig();
  const run = command.length === 0 ? undefined : await runApp(command, probe);
  const patient: Patient = { folder: process.cwd(), script, config, problems, run };
  const asked = examinations.filter(({ needsRun }) => run !== undefined || needsRun !== true);
  return Promise.all(asked.map(async (one) => ({ name: one.name, ...(await one.examine(patient)) })));
}

function text(told: readonly Told[]): string {
  return told
    .flatMap(({ name, seen, findings }) => [
      name,
      ...seen.map((line) => `  ${line}`),
      ...findings.flatMap(({ what, why, line }) => [`  ! ${what}`, `    ${why}`, `    $ ${line}`]),
    ])
    .join('\n');
}

function tell(told: readonly Told[], isJson: boolean): void {
  const findings = told.flatMap(({ name, findings }) =>
    findings.map((finding) => ({ examination: name, ...finding })),
  );
  const verdict = findings.length === 0 ? 'Nothing is wrong.' : `${findings.length} to mend.`;
  process.stdout.write(
    isJson ? `${JSON.stringify({ findings, examinations: told })}\n` : `${text(told)}\n\n${verdict}\n`,
  );
  process.exitCode = findings.length === 0 ? 0 : 1;
}

async function main([word, ...args]: readonly string[]): Promise<void> {
  const at = args.includes('--') ? args.indexOf('--') : args.length;
  const flags = args.slice(0, at);
  if (word !== 'doctor' || flags.some((flag) => flag !== '--json')) throw new Error(usage);
  tell(await examine(args.slice(at + 1)), flags.includes('--json'));
}

main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`sonde: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
});
