/** What the packed tarball holds, and what an install of it brings. */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { expect } from 'chai';
import { cleanEnvironment } from '../support/child.ts';
import { packedSonde } from '../support/tarball.ts';

const root = join(import.meta.dirname, '../..');

function filesOf(folder: string, ending: RegExp): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((file) => ending.test(file) && lstatSync(file).isFile());
}

interface Sources {
  readonly sources: readonly string[];
  readonly sourcesContent?: readonly (string | null)[];
}

/** `name@version` of every package that a source of the bundle lies in, by the source maps. */
function bundledPackages(): string[] {
  const dist = join(packedSonde(), 'dist');
  const found = filesOf(dist, /\.map$/).flatMap((map) => {
    const { sources } = JSON.parse(readFileSync(map, 'utf8')) as Sources;
    return sources.map((source) => packageOf(join(root, 'dist', relative(dist, dirname(map)), source)));
  });
  return [...new Set(found.filter((each) => each !== undefined))].sort();
}

function packageOf(source: string): string | undefined {
  const folder = /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(source)?.[0];
  if (folder === undefined) return undefined;
  const { name, version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return `${name}@${version}`;
}

interface BillOfMaterials {
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly licenses: readonly { license: { id: string } }[];
  }[];
}

function components(): BillOfMaterials['components'] {
  const text = readFileSync(join(packedSonde(), 'dist/sbom.cdx.json'), 'utf8');
  return (JSON.parse(text) as BillOfMaterials).components;
}

/** Bytes of all files below a folder. */
function sizeOf(folder: string, counted: (file: string) => boolean): number {
  return filesOf(folder, /./)
    .filter(counted)
    .reduce((sum, file) => sum + lstatSync(file).size, 0);
}

describe('the packed tarball', function () {
  this.timeout(60_000);

  it('lists in its bill of materials exactly the packages that the source maps show', () => {
    const listed = components().map(({ name, version }) => `${name}@${version}`);
    expect(listed.sort()).to.deep.equal(bundledPackages());
    expect(listed).to.include.members(['@opentelemetry/api@1.10.0']);
  });

  it('names every bundled package with its version, licence and licence text', () => {
    const notices = readFileSync(join(packedSonde(), 'dist/THIRD-PARTY-NOTICES'), 'utf8');
    for (const { name, version, licenses } of components()) {
      expect(licenses[0]!.license.id).to.not.equal('UNKNOWN');
      expect(notices).to.contain(`${name} ${version} (${licenses[0]!.license.id})`);
    }
    expect(notices).to.contain('Apache License').and.not.to.contain('ships no licence file');
  });

  it('makes no code from text', () => {
    const suspicious = /\beval\s*\(|\bnew\s+Function\b|(?<![.\w])Function\s*\(\s*['"`]|\(0,\s*eval\)/;
    const found = filesOf(join(packedSonde(), 'dist'), /\.[cm]?js$/).flatMap((file) =>
      readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => suspicious.test(line))
        .map((line) => `${relative(packedSonde(), file)}: ${line.trim()}`),
    );
    expect(found).to.deep.equal([]);
  });

  it('runs nothing at install', () => {
    const { scripts = {}, gypfile } = JSON.parse(readFileSync(join(packedSonde(), 'package.json'), 'utf8'));
    const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
    expect(Object.keys(scripts).filter((name) => hooks.includes(name))).to.deep.equal([]);
    expect(gypfile).to.equal(undefined);
    expect(filesOf(packedSonde(), /binding\.gyp$/)).to.deep.equal([]);
  });

  it('holds the build and the texts for people, nothing of the workshop', () => {
    const names = readdirSync(packedSonde()).sort();
    const texts = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md'];
    expect(names).to.deep.equal([...texts, 'dist', 'package.json']);
  });

  it('names no path of the machine it was made on', () => {
    const paths = /(?:^|[\s"'`(=:])(?:\/(?:home|root|work|Users|tmp)\/|[A-Z]:\\\\?Users)/;
    const texts = filesOf(packedSonde(), /\.(?:md|map|json|[cm]?js|ts)$|NOTICES$/);
    const found = texts.filter((file) => {
      const text = readFileSync(file, 'utf8');
      return text.includes(root) || (/\.(?:md|json|ts)$|NOTICES$/.test(file) && paths.test(text));
    });
    expect(found.map((file) => relative(packedSonde(), file))).to.deep.equal([]);
  });

  it('brings at most 6 packages and 5 MB to an empty folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sonde-install-'));
    try {
      writeFileSync(join(folder, 'package.json'), '{"name":"empty","private":true}');
      const [tarball] = filesOf(dirname(packedSonde()), /sonde-[\d.]+\.tgz$/);
      const args = ['install', tarball!, '--prefer-offline', '--no-audit', '--no-fund'];
      execFileSync('npm', args, { cwd: folder, env: cleanEnvironment(), stdio: 'pipe' });
      const { packages } = JSON.parse(
        readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'),
      ) as { packages: Record<string, { hasInstallScript?: boolean }> };
      expect(Object.keys(packages)).to.have.length.at.most(6);
      expect(Object.values(packages).filter((each) => each.hasInstallScript)).to.deep.equal([]);
      expect(sizeOf(join(folder, 'node_modules'), () => true) / 1e6).to.be.lessThan(5);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
