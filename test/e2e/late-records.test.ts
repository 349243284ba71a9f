/** What is said while the natural end is being held up for delivery goes out, too. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const script = `
const { getLogger, withSpan } = require('sonde');
const log = getLogger('late');
log.info('in time');
process.once('beforeExit', () => {
  // Holds nothing; the flush before it lasts longer.
  setTimeout(() => withSpan('late', () => log.info('late')), 50).unref();
});
`;

for (const node of nodeVersions()) {
  describe(`records of the last moment (Node ${node.name})`, function () {
    this.timeout(30_000);

    it('are delivered when they come while the natural end waits for delivery', async () => {
      const folder = appFolder();
      writeFileSync(join(folder, 'late.cjs'), script);
      const sink = await startSink();
      sink.failAlways({ delayMillis: 200 });
      const ended = await runNode(['--require', 'sonde/register', 'late.cjs'], {
        cwd: folder,
        node: node.path,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl },
      });
      await sink.close();
      const printed = ended.lines.filter((line) => line.logger === 'late').map((line) => line.message);
      const sent = sink.logs().filter((log) => log.scope === 'late');
      expect(printed).to.deep.equal(['in time', 'late']);
      expect(sent.map((log) => log.body)).to.deep.equal(printed);
      expect(sink.spans().map((span) => span.name)).to.deep.equal(['late']);
      expect(ended).to.include({ code: 0, signal: null, stderr: '' });
    });
  });
}
