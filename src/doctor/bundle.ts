/** Libraries that a bundler has taken into the app's file: nothing loads them by name, so nothing can be patched. */
import fs from 'node:fs';
import { bundledIn, isMinified } from '../bundle.ts';
import type { Examination, Finding, Patient } from './finding.ts';

function findingsOf(names: readonly string[]): Finding[] {
  if (names.length === 0) return [];
  const external = names.map((name) => `--external:${name}`).join(' ');
  return [
    {
      what: `Inside the bundle: ${names.join(', ')}`,
      why: 'Sonde sees a library when it is loaded by its name; one inside the bundle has no spans and may lose the context.',
      line: `esbuild app.ts --bundle --platform=node --external:sonde ${external}`,
    },
  ];
}

function namesIn({ script, run }: Patient): string[] {
  // Sonde is inside, too, and has said it itself.
  if (run!.told.some(({ code }) => code === 'SONDE_ERR_BUNDLED')) return [];
  const { armed = [], patched = [] } = run!.probe?.status?.instrumentations ?? {};
  const isPatched = (name: string): boolean => patched.some((text) => text.split(' ')[0] === name);
  try {
    // What shows no sources has to be guessed, and only of a file that looks like a bundle.
    const guess = isMinified(fs.readFileSync(script, 'utf8'));
    return bundledIn(script, armed, guess).filter((name) => !isPatched(name));
  } catch {
    return [];
  }
}

export const bundle: Examination = {
  name: 'Bundle',
  needsRun: true,
  examine: (patient) => {
    const names = namesIn(patient);
    return { findings: findingsOf(names), seen: [`inside: ${names.join(', ') || 'none'}`] };
  },
};
