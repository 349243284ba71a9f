/** Where each signal is sent, and whether anybody takes it there. */
import type { OtlpTarget, Signal } from '../config/config.ts';
import { inUse } from '../config/shown.ts';
import { type Reached, reach, type Step } from './endpoint-steps.ts';
import type { Examination, Finding, Patient } from './finding.ts';

/** More is no rounding and no slow answer. Seconds. */
const mostSkew = 5;
const remedies: Readonly<Record<Step, string>> = {
  DNS: 'getent hosts HOST',
  TCP: 'docker run -p 4318:4318 otel/opentelemetry-collector',
  TLS: 'export OTEL_EXPORTER_OTLP_CERTIFICATE=/path/of/ca.pem',
  HTTP: 'export OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4317',
  gRPC: 'export OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318',
};
const answers: Readonly<Record<number, string>> = {
  401: 'export OTEL_EXPORTER_OTLP_HEADERS="authorization=..."',
  403: 'export OTEL_EXPORTER_OTLP_HEADERS="authorization=..."',
  404: 'export OTEL_EXPORTER_OTLP_ENDPOINT=http://HOST:4318',
};

function findingsOf(
  signal: Signal,
  target: OtlpTarget,
  { failed, status = 200, skew = 0 }: Reached,
): Finding[] {
  const place = inUse(target.endpoint, 'url');
  const host = new URL(target.endpoint).hostname;
  if (failed !== undefined) {
    const why = `${failed.step} failed: ${failed.reason}${target.named ? '' : '; no endpoint was named, this is the default'}.`;
    return [
      { what: `${signal} do not reach ${place}`, why, line: remedies[failed.step].replace('HOST', host) },
    ];
  }
  const line = (answers[status] ?? `curl -i -X POST ${place}`).replace('HOST', host);
  const refused = {
    what: `${signal} are refused by ${place}`,
    why: `It answers ${status} to an empty request.`,
    line,
  };
  const clock = {
    what: `The clock is ${Math.abs(skew)} s ${skew > 0 ? 'behind' : 'ahead of'} that of ${host}`,
    why: 'Spans and records of two machines will not line up.',
    line: 'sudo chronyc makestep',
  };
  return [...(status >= 400 ? [refused] : []), ...(Math.abs(skew) > mostSkew ? [clock] : [])];
}

function sent({ config }: Patient): Signal[] {
  const { traces, metrics, logs } = config;
  const all = { traces, metrics, logs };
  return (Object.keys(all) as Signal[]).filter((signal) => all[signal].exporters.includes('otlp'));
}

export const endpoints: Examination = {
  name: 'Endpoints',
  async examine(patient) {
    if (patient.config.disabled || patient.config.otlp.off)
      return { findings: [], seen: ['nothing is sent'] };
    const targets = sent(patient).map((signal) => [signal, patient.config.otlp[signal]] as const);
    const all = await Promise.all(
      targets.map(async ([signal, target]) => [signal, target, await reach(target, signal)] as const),
    );
    const findings = all.flatMap(([signal, target, reached]) => findingsOf(signal, target, reached));
    const seen = all.map(
      ([signal, target, { failed, status }]) =>
        `${signal}: ${inUse(target.endpoint, 'url')} (${target.protocol}): ${failed ? `${failed.step} failed` : (status ?? 'connected')}`,
    );
    return { findings, seen };
  },
};
