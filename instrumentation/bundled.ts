/** Packages that the app's bundler has taken into one file: no load is seen there, and nothing can be patched. */
import { isBuiltin } from 'node:module';
import { bundledIn } from '../src/bundle.ts';
import { environment } from '../src/config/env.ts';
import { mainScript } from '../src/config/main-script.ts';
import { diagnostics } from '../src/diagnostics.ts';
import { isInlined } from '../src/load.ts';

/** One line with the names, where Sonde itself is inside the bundle. */
export function tellBundled(modules: readonly string[]): void {
  if (!isInlined()) return;
  try {
    const script = mainScript(environment());
    const packages = new Set(
      modules.filter((name) => !isBuiltin(name) && !name.startsWith('@opentelemetry/')),
    );
    const found = script === undefined ? [] : bundledIn(script, [...packages], true);
    if (found.length === 0) return;
    const message = `In the bundle with Sonde, and so not to be patched: ${found.join(', ')}.`;
    diagnostics.warnOnce('bundled', 'SONDE_ERR_BUNDLED', message);
  } catch {
    // A script that cannot be read says nothing of what is in it.
  }
}
