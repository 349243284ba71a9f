/** What it costs an app of 1,500 modules that nobody instruments to be loaded. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measure } from './child.ts';
import { autoInstrumentations, bare, type Contender, nodeSdk, present, sonde } from './contenders.ts';
import { median, minimum, pairedRatio, ratio, shuffled, table } from './figures.ts';

const packages = 150;
const filesEach = 10;

/** Official ES module support, as its documentation asks for it. */
const withLoader: Contender = {
  ...autoInstrumentations,
  name: 'auto-instrumentations-node with its ESM loader',
  flags: [
    '--experimental-loader=@opentelemetry/instrumentation/hook.mjs',
    '--import=@opentelemetry/auto-instrumentations-node/register',
  ],
};

/** Runs the part and returns its section as markdown. */
export async function modules(sinkPort: number, rounds = 9): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sonde-bench-'));
  try {
    const commonJs = [bare, autoInstrumentations, nodeSdk, sonde];
    const required = await compare(
      '1,500 CommonJS modules',
      generate(folder, 'cjs'),
      commonJs,
      sinkPort,
      rounds,
    );
    const esm = [bare, withLoader, { ...sonde, flags: ['--import', 'sonde/register'] }];
    const imported = await compare('1,500 ES modules', generate(folder, 'mjs'), esm, sinkPort, rounds);
    return `${required}\n\n${imported}`;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Writes an app of small packages and returns the path of the file that loads them all. */
function generate(folder: string, kind: 'cjs' | 'mjs'): string {
  const load = (name: string) => (kind === 'cjs' ? `require('${name}');` : `import '${name}';`);
  const open = kind === 'cjs' ? 'exports.' : 'export const ';
  const names = Array.from({ length: packages }, (_, at) => `${kind}-package-${at}`);
  for (const name of names) {
    const home = path.join(folder, 'node_modules', name);
    const files = Array.from({ length: filesEach - 1 }, (_, at) => `./file-${at}.${kind}`);
    mkdirSync(home, { recursive: true });
    writeFileSync(
      path.join(home, 'package.json'),
      JSON.stringify({ name, version: '1.0.0', main: `index.${kind}` }),
    );
    writeFileSync(path.join(home, `index.${kind}`), files.map(load).join('\n'));
    for (const file of files) writeFileSync(path.join(home, file), `${open}twice = (n) => n * 2;\n`);
  }
  const index = path.join(folder, `index.${kind}`);
  writeFileSync(index, names.map(load).join('\n'));
  return index;
}

async function compare(
  title: string,
  index: string,
  all: readonly Contender[],
  sinkPort: number,
  rounds: number,
): Promise<string> {
  const contenders = present(all);
  const costs = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const contender of shuffled(contenders)) {
      const { milliseconds } = await measure<{ milliseconds: number }>(
        contender,
        'apps/load-modules.cjs',
        [index],
        sinkPort,
      );
      costs.get(contender.name)!.push(milliseconds);
    }
  }
  const base = costs.get(bare.name)!;
  const rows = contenders.map(({ name }) => {
    const own = costs.get(name)!;
    const figures = [minimum(own).toFixed(0), median(own).toFixed(0)];
    return [name, ...figures, ratio(minimum(own) / minimum(base)), ratio(pairedRatio(own, base))];
  });
  return table([title, 'CPU ms: least', 'median', 'x bare: of minima', 'paired median'], rows);
}
