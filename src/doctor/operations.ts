/** Checks that make `/readyz` slow, and pools that lose the context of their callers. */
import type { Examination, Finding } from './finding.ts';
import type { ProbeReport } from './probe.ts';

/** A kubelet asks every few seconds, and waits one. Milliseconds. */
const slowest = 100;

function findingsOf({ checks, pools }: ProbeReport): Finding[] {
  const slow = checks.filter(({ millis }) => millis > slowest);
  const lost = pools.filter(({ isKept }) => !isKept);
  return [
    ...slow.map(({ name, millis }) => ({
      what: `Health check ${name} takes ${millis} ms`,
      why: `Probes come every few seconds; more than ${slowest} ms makes /readyz slow.`,
      line: `health.check('${name}', check, { timeout: ${slowest}, cacheMs: 5_000 })`,
    })),
    ...lost.map(({ kind }) => ({
      what: `Callbacks of ${kind} lose their context`,
      why: 'A span around a query was not the current one in its callback.',
      line: 'pool.query(text, keepContext(callback))',
    })),
  ];
}

export const operations: Examination = {
  name: 'Checks and pools',
  needsRun: true,
  examine: ({ run }) => {
    const { checks = [], pools = [] } = run!.probe ?? {};
    const seen = [
      ...checks.map(({ name, millis }) => `${name}: ${millis} ms`),
      ...pools.map(({ kind }) => `pool: ${kind}`),
    ];
    return { findings: run!.probe === undefined ? [] : findingsOf(run!.probe), seen };
  },
};
