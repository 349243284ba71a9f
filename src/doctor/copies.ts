/** Copies of the API and of Sonde, and other SDKs, among the packages that the app has installed. */
import fs from 'node:fs';
import { join } from 'node:path';
import type { Examination, Finding } from './finding.ts';

const api = '@opentelemetry/api';
/** Each of them starts an SDK of its own. */
const others = ['@opentelemetry/auto-instrumentations-node', 'dd-trace', 'newrelic', 'elastic-apm-node'];
const deepest = 4;

function versionIn(folder: string): string | undefined {
  try {
    return JSON.parse(fs.readFileSync(join(folder, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

function namesIn(modules: string): string[] {
  const list = (folder: string): string[] => (fs.existsSync(folder) ? fs.readdirSync(folder) : []);
  return list(modules).flatMap((name) =>
    name.startsWith('@') ? list(join(modules, name)).map((inner) => `${name}/${inner}`) : [name],
  );
}

/** Folders of `name` below `folder/node_modules`, nested ones too. */
function copiesOf(name: string, folder: string, depth = 0): string[] {
  const modules = join(folder, 'node_modules');
  const own = join(modules, name);
  const nested =
    depth < deepest ? namesIn(modules).flatMap((one) => copiesOf(name, join(modules, one), depth + 1)) : [];
  return [...(versionIn(own) === undefined ? [] : [own]), ...nested];
}

function sondeTwice(versions: readonly string[]): Finding[] {
  if (versions.length < 2) return [];
  return [
    {
      what: `sonde is there ${versions.length} times: ${versions.join(' and ')}`,
      why: 'The first one loaded serves them all, whichever it is; what only the other one has is missing.',
      line: 'npm dedupe',
    },
  ];
}

function findingsOf(versions: readonly string[], sdks: readonly string[]): Finding[] {
  const copies = `${api} is there as ${versions.join(' and ')}`;
  const why = 'What registers through one copy may be invisible through another.';
  const second = sdks.map((name) => ({
    what: `${name} is installed beside Sonde`,
    why: 'Two SDKs in one process: the first holds the globals, the second only logs.',
    line: `npm uninstall ${name}`,
  }));
  return [...(new Set(versions).size > 1 ? [{ what: copies, why, line: 'npm dedupe' }] : []), ...second];
}

export const copies: Examination = {
  name: 'Packages',
  examine: ({ folder }) => {
    const versions = copiesOf(api, folder).map((path) => versionIn(path)!);
    const sondes = copiesOf('sonde', folder).map((path) => versionIn(path)!);
    const sdks = others.filter((name) => versionIn(join(folder, 'node_modules', name)) !== undefined);
    return {
      findings: [...findingsOf(versions, sdks), ...sondeTwice(sondes)],
      seen: [`${api}: ${versions.join(', ') || 'none of its own'}`],
    };
  },
};
