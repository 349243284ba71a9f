/** Records that carry whole headers or bodies: the usual way in which secrets and megabytes get into logs. */
import type { Examination, Finding } from './finding.ts';
import type { Received } from './receiver.ts';

const dumped = /(?:^|\.)(?:headers|rawHeaders|body|rawBody|cookies)$/i;

/** The first name in it that stands for a dump; `req.headers` may be nested or flat. */
function dumpIn(value: unknown, path = ''): string | undefined {
  if (typeof value !== 'object' || value === null || path.split('.').length > 4) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const at = path === '' ? name : `${path}.${name}`;
    if (dumped.test(at) && (typeof inner === 'object' || String(inner).length > 100)) return at;
    const found = dumpIn(inner, at);
    if (found !== undefined) return found;
  }
  return undefined;
}

function findingOf([place, at]: readonly [string, string]): Finding {
  return {
    what: `Logger ${place} writes \`${at}\` whole`,
    why: 'Headers and bodies hold secrets that redaction cannot know, and cost more than all else in a record.',
    line: `log.info('received', { contentType: req.headers['content-type'] })`,
  };
}

export const dumps: Examination = {
  name: 'Dumps',
  needsRun: true,
  examine: ({ run }) => {
    const found = run!.logs.flatMap(({ name, attributes }: Received) => {
      const at = dumpIn(attributes);
      return at === undefined ? [] : [[name, at] as const];
    });
    return { findings: [...new Map(found)].map(findingOf), seen: [`records read: ${run!.logs.length}`] };
  },
};
