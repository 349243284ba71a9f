/** Whether a record, a span and a measurement of one moment arrive with the same ids. */
import type { AppRun } from './app-run.ts';
import type { Examination, Finding } from './finding.ts';
import type { Received } from './receiver.ts';

const rows = [
  ['spans', 'sonde.doctor', 'span', 'OTEL_TRACES_EXPORTER=otlp OTEL_TRACES_SAMPLER=parentbased_always_on'],
  ['logs', 'sonde.doctor', 'log record', 'OTEL_LOGS_EXPORTER=otlp'],
  ['metrics', 'sonde.doctor.measurement', 'measurement', 'OTEL_METRICS_EXPORTER=otlp'],
] as const;

function findingsOf(run: AppRun): Finding[] {
  const { ids } = run.probe ?? {};
  if (ids === undefined) return [];
  return rows.flatMap(([kind, wanted, word, setting]): Finding[] => {
    const found: Received | undefined = run[kind].find(({ name }) => name === wanted);
    const line = `export ${setting}`;
    if (found === undefined) {
      return [
        { what: `A ${word} does not leave the app`, why: 'The doctor made one, and none arrived.', line },
      ];
    }
    if (found.traceId === ids.traceId && found.spanId === ids.spanId) return [];
    // Without a sampled trace a measurement has no exemplar, and that is right.
    if (kind === 'metrics' && run.spans.length === 0) return [];
    return [
      {
        what: `A ${word} has lost its ids`,
        why: 'It was made inside a span, and does not name it.',
        line: 'npm dedupe',
      },
    ];
  });
}

export const signals: Examination = {
  name: 'Signals',
  needsRun: true,
  examine: ({ run }) => ({
    findings: findingsOf(run!),
    seen: [
      `received: ${run!.spans.length} spans, ${run!.logs.length} records, ${run!.metrics.length} metrics`,
    ],
  }),
};
