/** What is inside the bundle, for lawyers and scanners: licence texts and a CycloneDX bill of materials. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  readonly folder: string;
}

const inPackage = /^(.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/;

/** The packages that the bundled module ids come from, by name. */
export function packagesOf(moduleIds: Iterable<string>): BundledPackage[] {
  const folders = new Set(
    [...moduleIds].map((id) => inPackage.exec(id)?.[1]).filter((id) => id !== undefined),
  );
  const found = [...folders].map(readPackage);
  const unique = new Map(found.map((each) => [`${each.name}@${each.version}`, each]));
  return [...unique.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function readPackage(folder: string): BundledPackage {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  return { name, version, license: license ?? 'UNKNOWN', folder };
}

function licenceText({ folder }: BundledPackage): string {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return file === undefined
    ? '(the package ships no licence file)'
    : readFileSync(join(folder, file), 'utf8').trim();
}

function noticesText(packages: readonly BundledPackage[]): string {
  const head = 'Sonde bundles parts of the following packages. Their licences apply to those parts.\n';
  const byText = Map.groupBy(packages, licenceText);
  const sections = [...byText].map(([text, group]) => {
    const names = group.map((each) => `${each.name} ${each.version} (${each.license})`).join('\n');
    return `${'='.repeat(80)}\n${names}\n${'='.repeat(80)}\n\n${text}\n`;
  });
  return [head, ...sections].join('\n');
}

function billOfMaterials(packages: readonly BundledPackage[], version: string): object {
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'library', name: 'sonde', version, purl: `pkg:npm/sonde@${version}` } },
    components: packages.map((each) => ({
      type: 'library',
      name: each.name,
      version: each.version,
      purl: `pkg:npm/${each.name.replace('@', '%40')}@${each.version}`,
      licenses: [{ license: { id: each.license } }],
    })),
  };
}

export function writeNotices(dist: string, packages: readonly BundledPackage[], version: string): void {
  writeFileSync(join(dist, 'THIRD-PARTY-NOTICES'), noticesText(packages));
  writeFileSync(
    join(dist, 'sbom.cdx.json'),
    `${JSON.stringify(billOfMaterials(packages, version), null, 2)}\n`,
  );
}
