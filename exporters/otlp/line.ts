/**
 * Format `otlp-json`: each line is a request of its own with one record, as OpenTelemetry's "OTLP File Exporter"
 * specifies; the Collector's `otlpjsonfilereceiver` reads it.
 */
import { processResource } from '../../src/config/resource.ts';
import type { Format, JsonFormatOptions } from '../../src/logs/json-format.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { jsonLogs, logsRequest } from './json.ts';
import type { Codec } from './packed.ts';

// What JSON leaves as it is and a reader of lines or a terminal would act upon.
const beyondStringify = /[\u007f-\u009f\u2028\u2029]/g;

export function otlpLine({ requestId, breadcrumbs }: JsonFormatOptions): Format {
  let attributes: ReturnType<typeof processResource> | undefined;
  let codec: Codec<LogRecord>;
  return (record) => {
    if (attributes !== processResource()) {
      attributes = processResource();
      codec = jsonLogs({ resource: { attributes }, requestId, breadcrumbs });
    }
    return oneLine(logsRequest([codec.pack(record)]));
  };
}

/** JSON that no reader of lines takes for two. */
export function oneLine(json: string): string {
  return json.replace(beyondStringify, spell);
}

function spell(sign: string): string {
  return `\\u${sign.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
