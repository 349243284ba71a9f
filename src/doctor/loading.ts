/** Whether Sonde is in the app, whole, once and first; what it said itself while the app ran. */
import { errorTable, type SondeErrorCode } from '../errors.ts';
import type { AppRun, Told } from './app-run.ts';
import type { Examination, Finding } from './finding.ts';
import type { ProbeReport } from './probe.ts';

const lines: Readonly<Record<string, string>> = {
  SONDE_ERR_LOADED_EARLY: 'node --require sonde/register app.js',
  SONDE_ERR_API_VERSION: 'npm dedupe',
  SONDE_ERR_FOREIGN_SDK: 'npm ls @opentelemetry/sdk-node',
  SONDE_ERR_NODE_HOOKS: 'nvm install 24',
  SONDE_ERR_BUNDLED: 'esbuild app.ts --bundle --platform=node --packages=external',
};
/** Told by an examination of its own. */
const elsewhere = /^SONDE_ERR_(?:ENV|ENV_UNKNOWN|CONFIG_FILE|STANDBY|EXPORT)$/;

function tellFinding({ code = '', message }: Told): Finding {
  const why = errorTable[code as SondeErrorCode] ?? '';
  return {
    what: message.replace(why, '').trim(),
    why,
    line: lines[code] ?? 'SONDE_DEBUG=1 node --require sonde/register app.js',
  };
}

/** Only of what Sonde patches: the order of the rest does not matter. */
function lateFinding({ early, status }: ProbeReport): Finding[] {
  const patched = new Set(status!.instrumentations.patched.map((text) => text.split(' ')[0]));
  const names = early.filter((name) => patched.has(name));
  if (names.length === 0) return [];
  const what = `Sonde is loaded late, after ${names.join(', ')}`;
  return [{ what, why: errorTable.SONDE_ERR_LOADED_EARLY, line: lines.SONDE_ERR_LOADED_EARLY! }];
}

function findingsOf({ probe, told }: AppRun): Finding[] {
  if (probe?.status === undefined) {
    const why = 'The app ran, and nothing in its process had started Sonde.';
    return [{ what: 'Sonde is not loaded', why, line: 'node --require sonde/register app.js' }];
  }
  const voiced = told.filter(
    ({ level, code = '' }) => /^(?:WARN|ERROR)/i.test(level) && code !== '' && !elsewhere.test(code),
  );
  const off = {
    what: `Sonde is ${probe.status.mode}`,
    why: probe.status.mode === 'guest' ? 'Another SDK was first.' : 'It was disabled or could not start.',
    line: probe.status.mode === 'guest' ? 'node --require sonde/register app.js' : 'unset OTEL_SDK_DISABLED',
  };
  return [
    ...(probe.status.mode === 'running' ? [] : [off]),
    ...lateFinding(probe),
    ...voiced.map(tellFinding),
  ];
}

export const loading: Examination = {
  name: 'Loading',
  needsRun: true,
  examine: ({ run }) => {
    const { armed = [], patched = [], missed = [] } = run!.probe?.status?.instrumentations ?? {};
    const list = (names: readonly string[]): string => [...new Set(names)].join(', ') || 'none';
    const seen = [`armed: ${list(armed)}`, `patched: ${list(patched)}`, `missed: ${list(missed)}`];
    return { findings: findingsOf(run!), seen };
  },
};
