/**
 * The preload door: `node --require sonde/register app.js`, `node --import sonde/register app.mjs`, or either in
 * NODE_OPTIONS. It starts Sonde from the environment and nothing else. Whatever happens here, the app starts.
 */
import { isTool } from './rollout.ts';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

function isSupported(): boolean {
  return major > 22 || (major === 22 && minor >= 15);
}

/** A machine-wide NODE_OPTIONS also reaches npm and its like; a flag on the command line is meant. */
function isLeftAlone(): boolean {
  if (process.execArgv.some((flag) => flag.includes('sonde'))) return false;
  const script = process.argv[1] ?? '';
  const fs = process.getBuiltinModule('node:fs');
  const real = fs.existsSync(script) ? fs.realpathSync(script) : script;
  return isTool(real, process.argv[2]) && !/^(?:1|true)$/i.test(process.env.SONDE_FORCE ?? '');
}

function start(): void {
  if (!isSupported()) {
    process.stderr.write(
      `sonde: Node.js ${process.versions.node} is older than 22.15, so Sonde is off and the app runs without it. ` +
        'Run it with Node.js 22.15 or newer, or remove the preload. [SONDE_ERR_NODE_VERSION]\n',
    );
    return;
  }
  if (isLeftAlone()) return;
  try {
    const { createRequire } = process.getBuiltinModule('node:module');
    createRequire(import.meta.url)('./preload.ts').preload();
  } catch (error) {
    process.stderr.write(
      `sonde: could not start, the app runs without it: ${String(error)} [SONDE_ERR_INTERNAL]\n`,
    );
  }
}

start();
