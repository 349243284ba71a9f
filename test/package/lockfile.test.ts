import { readFileSync } from 'node:fs';
import { expect } from 'chai';

interface Locked {
  readonly version?: string;
  readonly optionalDependencies?: Record<string, string>;
}

/** Optional parts that a package of this lockfile names and the lockfile does not have: `npm ci` refuses those. */
function missing(lockfile: string): string[] {
  const packages: Record<string, Locked> = JSON.parse(readFileSync(lockfile, 'utf8')).packages;
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) =>
        !packages[`node_modules/${name}`]?.version && !packages[`${path}/node_modules/${name}`]?.version,
    ),
  );
}

describe('the lockfiles', () => {
  for (const lockfile of [
    'package-lock.json',
    'bench/package-lock.json',
    'test/nodes/package-lock.json',
    'test/next/package-lock.json',
  ]) {
    it(`has every platform's part of every tool, or npm ci fails: ${lockfile}`, () => {
      expect(missing(lockfile)).to.deep.equal([]);
    });
  }
});
