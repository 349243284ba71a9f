/** Preload for child processes of the tests: arms pg and sqlite from source, prints what was seen as JSON at the end. */
import { pg } from '../../instrumentation/pg.ts';
import { sqlite } from '../../instrumentation/sqlite.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { armed } from './armed.ts';

const said: string[] = [];
diagnostics.speakThrough((_level, message) => void said.push(message));
const observed = armed([pg(), sqlite()]);

process.on('exit', () => {
  const spans = observed.calls().map(({ name, attributes }) => ({ name, text: attributes['db.query.text'] }));
  const { patched, missed } = observed.armed.report();
  process.stdout.write(`${JSON.stringify({ spans, patched, missed, said })}\n`);
});
