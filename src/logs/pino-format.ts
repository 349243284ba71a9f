/** A record as pino writes it, for what reads pino's lines: `pino-pretty`, dashboards, parsers. */
import os from 'node:os';
import { redactText } from '../processing/redact.ts';
import { describeError, type ErrorShape, stackText } from './error-shape.ts';
import {
  dataWriter,
  type Format,
  idsText,
  type JsonFormatOptions,
  membersWriter,
  reserving,
  sameName,
} from './json-format.ts';
import { jsonText, quote } from './json-value.ts';
import { levelOf } from './levels.ts';
import type { LogRecord } from './record.ts';

const levels = { TRACE: 10, DEBUG: 20, INFO: 30, WARN: 40, ERROR: 50, FATAL: 60 } as const;
const ids = ['trace_id', 'span_id', 'trace_flags', 'correlation_id', 'request_id'];
const fixed = ['level', 'time', 'pid', 'hostname', 'name', ...ids, 'err', 'msg'];

/**
 * `{"level":30,"time":1768991400123,"pid":1,"hostname":"host","name":"shop.orders","orderId":1042,"msg":"order created"}`;
 * what was thrown as `err`, in the shape of pino's own serializer.
 */
export function pinoFormat(options: JsonFormatOptions = {}): Format {
  const host = `"pid":${process.pid},"hostname":${quote(os.hostname())}`;
  const resource = options.resource ?? {};
  const resourcePart = membersWriter(sameName)(resource);
  const dataPart = dataWriter(reserving([...fixed, ...Object.keys(resource)]), 'event.name');
  return (record) => {
    const name = record.logger === '' ? '' : `,"name":${quote(record.logger)}`;
    const error = record.error === undefined ? '' : `,"err":${errText(describeError(record.error))}`;
    const data = `${idsText(record.stamp, options.requestId)}${resourcePart}${dataPart(record)}${error}`;
    return `{"level":${levelNumber(record)},"time":${Math.floor(record.time) || 0},${host}${name}${data},"msg":${quote(redactText(record.message))}}`;
  };
}

function levelNumber({ severityNumber }: LogRecord): number {
  return levels[levelOf(severityNumber)];
}

/** The causes are part of message and stack. */
function errText(shape: ErrorShape): string {
  const { type, code, errors } = shape;
  let text = `{"type":${quote(type)},"message":${quote(messageText(shape))},"stack":${quote(stackText(shape) ?? '')}`;
  if (errors !== undefined) text += `,"aggregateErrors":[${errors.map(errText).join(',')}]`;
  return code === undefined ? `${text}}` : `${text},"code":${jsonText(code)}}`;
}

function messageText({ message, cause }: ErrorShape): string {
  return cause === undefined ? message : `${message}: ${messageText(cause)}`;
}
