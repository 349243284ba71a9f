/** How lines are written that no handler has a format for: as the configuration and its processors say. */
import type { Config, LogFormat } from '../config/config.ts';
import { resourceAttributes } from '../config/resource.ts';
import { type Format, lineFormat } from './format.ts';
import type { JsonFormatOptions } from './json-format.ts';

/** What lines hold beside the record. */
export function formatOptions(config: Config): JsonFormatOptions {
  return {
    requestId: config.logs.requestId,
    resource: config.logs.resource === 'on' ? resourceAttributes(config) : undefined,
    breadcrumbs: config.logs.breadcrumbs === 'on',
  };
}

/** A format as a function. */
export function toLine(config: Config, format: Format | LogFormat, isTerminal = false): Format {
  return typeof format === 'function' ? format : lineFormat(format, isTerminal, formatOptions(config));
}

/** The format of what names none. */
export function ownFormat(config: Config, isTerminal: boolean): Format | LogFormat {
  const { format, processors } = config.logs;
  return processors.length === 0 ? format : rendered(config, toLine(config, format, isTerminal));
}

/** Processors may have made the line. */
export function rendered(config: Config, format: Format): Format {
  return config.logs.processors.length === 0 ? format : (record) => record.line ?? format(record);
}
