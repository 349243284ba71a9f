/** Work that goes on in another process, by every queue whose server is here, with the package as it is installed. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { requireNats, requirePostgres, requireRabbitmq } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const libraries = {
  'pg-boss': [requirePostgres, ['pg-boss']],
  amqplib: [requireRabbitmq, ['amqplib']],
  nats: [requireNats, ['@nats-io/transport-node', '@nats-io/jetstream']],
} as const;

/** Their servers are not here; a call that fails is seen, too. */
const failing = {
  kafkajs: ['kafkajs', ['kafkajs-require.cjs', 'kafkajs-named.mjs']],
  sqs: ['@aws-sdk/client-sqs', ['sqs-require.cjs', 'sqs-named.mjs']],
} as const;

for (const node of nodeVersions()) {
  describe(`queues (Node ${node.name})`, function () {
    this.timeout(60_000);

    for (const [library, [requireService, packages]] of Object.entries(libraries)) {
      it(`makes one trace and one correlation id of sender and worker, two processes, by ${library} (A31)`, async function () {
        await requireService(this);
        const sink = await startSink();
        const folder = appFolder(packages, join(import.meta.dirname, 'apps/queues'));
        const queue = `sonde-${randomUUID()}`;
        const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl };
        const run = (role: string) =>
          runNode(['--import', 'sonde/register', 'main.mjs', library, role, queue], {
            cwd: folder,
            node: node.path,
            env,
          });
        const sender = await run('sender');
        const worker = await run('worker');
        await sink.close();
        expect([sender.code, worker.code], sender.stderr + worker.stderr).to.deep.equal([0, 0]);
        const [line] = worker.lines.filter(({ logger }) => logger === 'shop.mail');
        expect(line).to.include({
          message: 'mail sent: tea',
          trace_id: 'a'.repeat(32),
          correlation_id: 'web-42',
          'messaging.destination.name': queue,
        });
        const named = (name: string) => sink.spans().find((span) => span.name === `${name} ${queue}`);
        expect(named('send')?.parentSpanId).to.equal('b'.repeat(16));
        expect(named('process')?.parentSpanId).to.equal(named('send')?.spanId);
      });
    }

    for (const [library, [name, apps]] of Object.entries(failing)) {
      it(`sees ${library} by ${apps.join(', ')} (A31)`, async () => {
        const folder = appFolder([name], join(import.meta.dirname, '../fixtures/loading'));
        for (const app of apps) {
          const sink = await startSink();
          const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl };
          const args = ['--import', 'sonde/register', app];
          const { code, stderr } = await runNode(args, { cwd: folder, node: node.path, env });
          await sink.close();
          expect(code, stderr).to.equal(0);
          const [sent] = sink.spans().filter((span) => span.name === 'send greet');
          expect(sent?.status?.code, app).to.equal(2);
        }
      });
    }
  });
}
