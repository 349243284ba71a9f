/** Queues are seen however the app loads them, on every Node.js. */
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { requireNats } from '../support/services.ts';

const root = join(import.meta.dirname, '../..');
const preload = join(root, 'test/support/preload.ts');
const folder = join(root, 'test/fixtures/loading');

/** Apps by library, and the spans that each makes. */
const libraries: readonly (readonly [name: string, apps: readonly string[], spans: readonly string[]])[] = [
  ['kafkajs', ['kafkajs-require.cjs', 'kafkajs-named.mjs'], ['send greet']],
  ['nats', ['nats-require.cjs', 'nats-named.mjs', 'nats-jetstream.mjs'], ['send greet']],
  ['pg-boss', ['pg-boss-require.cjs', 'pg-boss-default.mjs', 'pg-boss-dynamic.cjs'], ['send greet']],
  ['sqs', ['sqs-require.cjs', 'sqs-named.mjs'], ['send greet']],
];

describe('queues, loaded', function () {
  this.timeout(60_000);

  before(async function () {
    await requireNats(this);
  });

  for (const { name, path } of nodeVersions()) {
    for (const [library, apps, spans] of libraries) {
      it(`sees ${library} by ${apps.join(', ')} on Node ${name} (A31)`, async () => {
        const args = ['--no-warnings', '--experimental-strip-types', '--import', preload];
        const run = async (app: string): Promise<void> => {
          const ended = await runNode([...args, join(folder, app)], { cwd: root, node: path });
          expect(ended.code, `${app}: ${ended.stderr}`).to.equal(0);
          const seen = ended.lines.at(-1)!;
          expect(
            seen.spans.map((span: { name: string }) => span.name),
            app,
          ).to.deep.equal(spans);
          expect([...seen.missed, ...seen.said], app).to.deep.equal([]);
        };
        await Promise.all(apps.map(run));
      });
    }
  }
});
