/** Packages that the app's bundler has taken into one file: no load is seen there, and nothing can be patched. */
import fs from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import { environment } from '../src/config/env.ts';
import { appPackage, mainScript } from '../src/config/main-script.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { isInlined } from '../src/load.ts';

/** A larger script is not searched. Bytes. */
const mostBytes = 64_000_000;

function dependenciesOf(script: string): ReadonlySet<string> {
  const file = appPackage(script)?.file ?? join(dirname(script), 'package.json');
  const { dependencies = {} } = JSON.parse(fs.readFileSync(file, 'utf8'));
  return new Set(Object.keys(dependencies));
}

/** Left by bundlers that do not minify. */
function hasSource(text: string, name: string): boolean {
  return text.includes(`node_modules/${name}/`);
}

/** Still loaded by its name; what comments show is not. */
function isOutside(text: string, name: string): boolean {
  const loads = `(?:\\brequire\\(|\\bimport\\(|\\bfrom\\s*|\\bimport\\s*)["']${name}["']`;
  return new RegExp(`^(?!\\s*(?:\\*|//)).*${loads}`, 'm').test(text);
}

/** Those of `names` that are inside the bundle `script`: what it shows, and what the app depends on. */
function bundledIn(script: string, names: readonly string[]): string[] {
  if (fs.statSync(script).size > mostBytes) return [];
  const text = fs.readFileSync(script, 'utf8');
  const wanted = dependenciesOf(script);
  return names.filter((name) => (hasSource(text, name) || wanted.has(name)) && !isOutside(text, name));
}

/** One line with the names, where Sonde itself is inside the bundle. */
export function tellBundled(modules: readonly string[]): void {
  if (!isInlined()) return;
  try {
    const script = mainScript(environment());
    const packages = new Set(
      modules.filter((name) => !isBuiltin(name) && !name.startsWith('@opentelemetry/')),
    );
    const found = script === undefined ? [] : bundledIn(script, [...packages]);
    if (found.length === 0) return;
    const message = `In the bundle with Sonde, and so not to be patched: ${found.join(', ')}.`;
    diagnostics.warnOnce('bundled', 'SONDE_ERR_BUNDLED', message);
  } catch {
    // A script that cannot be read says nothing of what is in it.
  }
}
