/** Loggers that are configured, and of which nothing ever came. */
import { advice } from '../config/nearest.ts';
import { parseLevels } from '../logs/tree.ts';
import type { Examination, Patient } from './finding.ts';

function configured({ config: { logs } }: Patient): string[] {
  const named = [...parseLevels(logs.level).levels.keys(), ...Object.keys(logs.loggers ?? {})];
  return [...new Set(named)].filter((name) => name !== '');
}

export const loggers: Examination = {
  name: 'Loggers',
  needsRun: true,
  examine: (patient) => {
    const seen = [...new Set(patient.run!.logs.map(({ name }) => name))];
    const heard = (wanted: string): boolean =>
      seen.some((name) => name === wanted || name.startsWith(`${wanted}.`));
    const findings = configured(patient)
      .filter((name) => !heard(name))
      .map((name) => ({
        what: `Logger ${name} is configured, and no record of it came`,
        why: `Its name may be another one${advice(name, seen)}`,
        line: `grep -rn "getLogger(" src`,
      }));
    return { findings, seen: [`heard: ${seen.join(', ') || 'none'}`] };
  },
};
