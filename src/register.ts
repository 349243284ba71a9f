/**
 * The preload door: `node --require sonde/register app.js`, `node --import sonde/register app.mjs`, or either in
 * NODE_OPTIONS. It starts Sonde from the environment and nothing else. Whatever happens here, the app starts.
 * No imports: an older Node.js must get to the version check.
 */
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);

function begin(): void {
  const { createRequire } = process.getBuiltinModule('node:module');
  createRequire(import.meta.url)('./preload.ts').preload(import.meta.url);
}

function say(sentence: string, code: string): void {
  process.stderr.write(`sonde: ${sentence} [${code}]\n`);
}

if (major > 22 || (major === 22 && minor >= 15)) {
  try {
    begin();
  } catch (error) {
    say(`could not start, the app runs without it: ${String(error)}`, 'SONDE_ERR_INTERNAL');
  }
} else {
  say(
    `Node.js ${process.versions.node} is older than 22.15, so Sonde is off and the app runs without it. ` +
      'Run it with Node.js 22.15 or newer, or remove the preload.',
    'SONDE_ERR_NODE_VERSION',
  );
}

export {};
