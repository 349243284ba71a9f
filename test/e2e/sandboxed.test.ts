/** BullMQ's processors in files of their own, run in a child process or a worker thread. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { requireRedis } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

for (const node of nodeVersions()) {
  describe(`sandboxed processors of BullMQ (Node ${node.name})`, function () {
    this.timeout(60_000);

    before(async function () {
      await requireRedis(this);
    });

    for (const [kind, file, flag] of [
      ['process', 'resize.mjs', '--import'],
      ['thread', 'resize.cjs', '--require'],
    ] as const) {
      it(`work in the context of their job, whose span is the worker's: ${file} in a ${kind} under ${flag} (A31)`, async () => {
        const sink = await startSink();
        const folder = appFolder(['bullmq'], join(import.meta.dirname, 'apps/sandboxed'));
        const queue = `sonde-${randomUUID()}`;
        const args = [flag, 'sonde/register', 'main.mjs', queue, `./${file}`, kind];
        const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl };
        const { code, stderr, lines } = await runNode(args, { cwd: folder, node: node.path, env });
        await sink.close();
        expect(code, stderr).to.equal(0);

        const spans = sink.spans().filter(({ name }) => name === `process ${queue}`);
        expect(spans).to.have.length(3);
        const resized = lines.filter(({ message }) => message === 'resized');
        expect(resized.map(({ image }) => image)).to.have.members(['first', 'second']);
        for (const line of resized) {
          const own = spans.find(({ spanId }) => spanId === line.span_id);
          expect(own?.traceId).to.equal(line.trace_id);
          expect(line.correlation_id).to.equal(line.trace_id);
          expect(line).to.include({ 'messaging.destination.name': queue });
          expect(line['messaging.message.id']).to.be.a('string');
        }
        expect(new Set(resized.map(({ trace_id }) => trace_id)).size).to.equal(2);

        // It outlives the job that it was made for.
        const [ready] = lines.filter(({ message }) => message === 'ready');
        expect(ready).to.not.have.any.keys('trace_id', 'correlation_id');
        const errors = lines.filter(({ level }) => level === 'ERROR');
        expect(errors.map((line) => [line.logger, line['error.message']])).to.deep.equal([
          ['sonde.jobs', 'no image'],
        ]);
      });
    }
  });
}
