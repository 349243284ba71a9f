/** Which release failed, and where it runs (A61): in the lines of errors, unless every line or a field tells it. */
import { processResource } from '../config/resource.ts';
import type { LogRecord } from './record.ts';

type Fields = Readonly<Record<string, unknown>>;

const names = ['service.version', 'deployment.environment.name'];

/**
 * What writes the release of the process as members of a line.
 *
 * @param told names that stand in every line anyway
 * @param write writes fields as members, each with a comma before it
 */
export function releaseWriter(
  told: Fields,
  write: (fields: Fields) => string,
): (record: LogRecord) => string {
  const wanted = names.filter((name) => !Object.hasOwn(told, name));
  let last: Fields | undefined;
  let text = '';
  return (record) => {
    const resource = processResource();
    if (resource !== last) {
      last = resource;
      text = write(chosen(resource, wanted));
    }
    const free = wanted.filter((name) => !hasField(record, name));
    return free.length === wanted.length ? text : write(chosen(resource, free));
  };
}

function chosen(resource: Fields, wanted: readonly string[]): Fields {
  return Object.fromEntries(wanted.map((name) => [name, resource[name]]));
}

function hasField({ fields, bound, stamp }: LogRecord, name: string): boolean {
  try {
    return [fields, bound, stamp.attributes].some((source) => source !== undefined && name in source);
  } catch {
    return true;
  }
}
