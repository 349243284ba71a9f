/** Node.js and its flags. */
import { nodeOptions } from '../config/env.ts';
import type { Examination, Finding } from './finding.ts';

const wrappersSince = [
  [22, 22, 3],
  [24, 11, 1],
] as const;

function findingsOf(version: string): Finding[] {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  if (major < 22 || (major === 22 && minor < 15)) {
    const why = 'Sonde needs 22.15 or newer; on an older one the preload does nothing.';
    return [{ what: `Node.js ${version} is too old`, why, line: 'nvm install 24' }];
  }
  const row = wrappersSince.find(([line]) => line === major);
  const isOld = row !== undefined && (minor < row[1] || (minor === row[1] && patch < row[2]));
  if (!isOld) return [];
  const why = 'Libraries without a CommonJS build cannot be patched on it when an ES module imports them.';
  return [{ what: `Node.js ${version} cannot wrap ES modules`, why, line: `nvm install ${row[0]}` }];
}

export const node: Examination = {
  name: 'Node.js',
  examine: ({ run }) => {
    const { version, flags } = run?.probe ?? { version: process.versions.node, flags: [] };
    const options = [nodeOptions(), ...flags].filter((text) => text !== '').join(' ');
    return { findings: findingsOf(version), seen: [`${version}, flags: ${options || 'none'}`] };
  },
};
