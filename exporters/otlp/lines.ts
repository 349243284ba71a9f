/**
 * OTLP as JSON lines: exporter `otlp/stdout`, and `otlp_file` with a file for each signal, as OpenTelemetry's "OTLP
 * File Exporter" wants it. Each line is a request of its own; the Collector's `otlpjsonfilereceiver` reads them.
 */
import { join } from 'node:path';
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { AttributeValue, Config, Signal } from '../../src/config/config.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { severity } from '../../src/logs/levels.ts';
import { lineStream } from '../../src/logs/line-stream.ts';
import type { Sink } from '../../src/logs/record.ts';
import { type LineFile, lineFile } from '../file.ts';
import { jsonLogs, jsonTraces, logsRequest, metricsJson, tracesRequest } from './json.ts';
import { oneLine } from './line.ts';
import { otlpMetricExporter } from './metrics.ts';

/** What takes telemetry, per signal; absent where the signal does not go out in lines. */
export interface OtlpLines {
  readonly spans: { add(span: ReadableSpan): void; forceFlush(): Promise<void> } | undefined;
  readonly metrics: PushMetricExporter | undefined;
  readonly logs: Sink | undefined;
  flush(): Promise<void>;
  /** For the event `exit`. */
  flushSync(): void;
  close(): void;
}

/** Takes the text of one request. Never throws: the trouble with a file is told by the file. */
type Write = (request: string, urgent: boolean) => void;

/** Opens the files that `config` names. */
export function otlpLines(config: Config, attributes: Record<string, AttributeValue>): OtlpLines {
  const files: LineFile[] = [];
  const flushSync = () => {
    for (const file of files) file.flushSync();
  };
  const flush = async () => void (await Promise.all(files.map((file) => file.flush())));
  const traces = writerOf(config, 'traces', files);
  const metrics = writerOf(config, 'metrics', files);
  const logs = writerOf(config, 'logs', files);
  return {
    spans: traces && { add: spanWriter(traces), forceFlush: flush },
    metrics:
      metrics &&
      otlpMetricExporter(
        {
          add: (collection) => metrics(Buffer.from(metricsJson(collection)).toString(), false),
          forceFlush: flush,
        },
        config.metrics,
      ),
    logs: logs && logWriter(logs, config, attributes),
    flush,
    flushSync,
    close() {
      for (const file of files) file.close();
    },
  };
}

function writerOf(config: Config, signal: Signal, files: LineFile[]): Write | undefined {
  const { exporters } = config[signal];
  const outputs: Write[] = [];
  if (exporters.includes('otlp/stdout')) outputs.push((line) => lineStream('stdout').write(line));
  if (exporters.includes('otlp_file')) {
    const { dir, maxBytes, backups: backupCount } = config.otlpFile;
    const path = join(dir, `${signal}.jsonl`);
    const file = lineFile({ path, maxBytes, backupCount, buffered: true });
    files.push(file);
    outputs.push((line, urgent) => file.write(line, urgent));
  }
  if (outputs.length === 0) return undefined;
  return (request, urgent) => {
    const line = oneLine(request);
    for (const output of outputs) guarded(signal, () => output(line, urgent));
  };
}

function guarded(signal: Signal, run: () => void): void {
  try {
    run();
  } catch {
    diagnostics.count(`otlp_file.dropped.${signal}`);
  }
}

function spanWriter(write: Write): (span: ReadableSpan) => void {
  const codec = jsonTraces();
  return (span) => guarded('traces', () => write(tracesRequest([codec.pack(span)]), false));
}

/** An error is in the file at once: the process may not live to say more. */
function logWriter(write: Write, config: Config, attributes: Record<string, AttributeValue>): Sink {
  const { attributeCountLimit, attributeValueLengthLimit, requestId, breadcrumbs } = config.logs;
  const codec = jsonLogs({
    resource: { attributes },
    attributeCountLimit,
    attributeValueLengthLimit,
    breadcrumbs: breadcrumbs === 'on',
    requestId,
  });
  return (record) =>
    guarded('logs', () => write(logsRequest([codec.pack(record)]), record.severityNumber >= severity.ERROR));
}
