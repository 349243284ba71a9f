/** Which packages a bundler has taken into one file with the app. */
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import { appPackage } from './config/main-script.ts';

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

/** Nobody writes lines as long as these. */
export function isMinified(text: string): boolean {
  return text.length > 20_000 && text.length / text.split('\n').length > 300;
}

/** Still loaded by its name; what comments show is not. */
function isOutside(text: string, name: string): boolean {
  const loads = `(?:\\brequire\\(|\\bimport\\(|\\bfrom\\s*|\\bimport\\s*)["']${name}["']`;
  return new RegExp(`^(?!\\s*(?:\\*|//)).*${loads}`, 'm').test(text);
}

/**
 * Those of `names` that are inside the bundle `script`: what it shows, and with `guess` what the app depends on and does not
 * load by name.
 *
 * @throws where the script or the package.json of the app cannot be read
 */
export function bundledIn(script: string, names: readonly string[], guess: boolean): string[] {
  if (fs.statSync(script).size > mostBytes) return [];
  const text = fs.readFileSync(script, 'utf8');
  const wanted = dependenciesOf(script);
  return names.filter(
    (name) => (hasSource(text, name) || (guess && wanted.has(name))) && !isOutside(text, name),
  );
}
