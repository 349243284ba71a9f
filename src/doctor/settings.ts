/** Each setting that is not the default, with its source, and what was wrong with the others. */
import { type Resolution, sourceOf } from '../config/resolve.ts';
import { kindOf, readable } from '../config/schema.ts';
import { inUse } from '../config/shown.ts';
import { errorTable } from '../errors.ts';
import type { Examination, Finding } from './finding.ts';

function shownSettings(config: Resolution['config']): string[] {
  return [...kindOf].flatMap(([path, kind]) => {
    const source = sourceOf(config, path);
    if (source === undefined || source.startsWith('default')) return [];
    const held = path.split('.').reduce<any>((node, name) => node?.[name], config);
    const value = readable(path, held);
    return [`${path} = ${kind.secret === 'whole' ? '[redacted]' : inUse(value, kind.secret)} (${source})`];
  });
}

function findingsOf({ config, problems }: Resolution): Finding[] {
  const wrong = problems
    .filter(({ level }) => level === 'warn')
    .map(({ code, message }) => ({ what: message, why: errorTable[code], line: lineFor(message) }));
  const off = config.disabled ? 'OTEL_SDK_DISABLED' : config.otlp.off ? 'SONDE_OTLP' : undefined;
  if (off === undefined) return wrong;
  const why = 'Only the console is left: no span, metric or record leaves the process.';
  return [...wrong, { what: 'Nothing is sent', why, line: `unset ${off}` }];
}

function lineFor(message: string): string {
  const [, meant] = /did you mean (\S+)\?/.exec(message) ?? [];
  const [name = 'the setting'] = /\b(?:OTEL|SONDE)_[A-Z0-9_]+/.exec(message) ?? [];
  return meant === undefined ? `unset ${name}` : `export ${meant}="$${name}"; unset ${name}`;
}

export const settings: Examination = {
  name: 'Settings',
  examine: ({ config, problems }) => ({
    findings: findingsOf({ config, problems }),
    seen: shownSettings(config),
  }),
};
