/** A record in the Elastic Common Schema, as the ECS logging libraries write it: Filebeat and Elastic Agent take it as it is. */
import { processResource } from '../config/resource.ts';
import type { Stamp } from '../context/correlation.ts';
import { redactText } from '../processing/redact.ts';
import { describeError, stackText } from './error-shape.ts';
import { fingerprintOf } from './fingerprint.ts';
import { dataWriter, type Format, type JsonFormatOptions, membersWriter, reserving } from './json-format.ts';
import { jsonText, quote } from './json-value.ts';
import type { LogRecord } from './record.ts';
import { isoTime } from './time.ts';

const version = '8.11.0';

/** Resource attributes to the fields of the schema; those that are not named here stay away. */
const resourceFields: Readonly<Record<string, string>> = {
  'service.name': 'service.name',
  'service.version': 'service.version',
  'service.instance.id': 'service.node.name',
  'deployment.environment.name': 'service.environment',
  'host.name': 'host.hostname',
  'process.pid': 'process.pid',
};

const ids = ['trace.id', 'span.id', 'trace_flags', 'correlation_id', 'request_id'];
const head = ['@timestamp', 'log.level', 'message', 'ecs.version', 'log.logger', 'attributes.event.action'];

/**
 * `{"@timestamp":"2026-01-21T10:30:00.123Z","log.level":"INFO","message":"order created","ecs.version":"8.11.0",...}`
 * with `log.logger`, `trace.id`, `span.id`, `service.*`, `error.*`; an event's name is `event.action`.
 */
export function ecsFormat(options: JsonFormatOptions = {}): Format {
  const dataPart = dataWriter(reserving([...head, ...ids, ...Object.values(resourceFields)]), 'event.action');
  const resourcePart = lastResource();
  return (record) => {
    const lead = `"@timestamp":"${isoTime(record.time)}","log.level":"${record.level}","message":${quote(redactText(record.message))}`;
    const error = record.error === undefined ? '' : errorPart(record);
    return `{${lead},"ecs.version":"${version}","log.logger":${quote(record.logger)}${idsPart(record.stamp, options.requestId)}${resourcePart()}${dataPart(record)}${error}}`;
  };
}

/** What the process is becomes known with `init`. */
function lastResource(): () => string {
  const write = membersWriter((key) =>
    Object.hasOwn(resourceFields, key) ? resourceFields[key] : undefined,
  );
  let last: object | undefined;
  let text = '';
  return () => {
    const resource = processResource();
    if (resource !== last) {
      last = resource;
      text = write(resource);
    }
    return text;
  };
}

function idsPart({ traceId, spanId, correlationId, requestId }: Stamp, wantsRequest = false): string {
  let text = '';
  if (traceId !== undefined) text += `,"trace.id":${quote(traceId)},"span.id":${quote(spanId ?? '')}`;
  if (correlationId !== undefined) text += `,"correlation_id":${quote(correlationId)}`;
  return wantsRequest && requestId !== undefined ? `${text},"request_id":${quote(requestId)}` : text;
}

function errorPart({ error, seen }: LogRecord): string {
  const shape = describeError(error);
  const stack = stackText(shape);
  let text = `,"error.type":${quote(shape.type)},"error.message":${quote(shape.message)}`;
  if (shape.code !== undefined) text += `,"error.code":${jsonText(String(shape.code))}`;
  text += `,"error.fingerprint":"${fingerprintOf(error)}"`;
  if (seen === true) text += ',"error.seen":true';
  return stack === undefined ? text : `${text},"error.stack_trace":${quote(stack)}`;
}
