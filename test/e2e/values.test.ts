/** Hostile values at every public function: none throws, and none spoils what stands beside it. */
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const queues = { OTEL_BSP_MAX_QUEUE_SIZE: '100000', OTEL_BLRP_MAX_QUEUE_SIZE: '100000' };

for (const node of nodeVersions()) {
  for (const protocol of ['http/protobuf', 'http/json']) {
    describe(`hostile values (Node ${node.name}, ${protocol})`, function () {
      this.timeout(120_000);
      let ended: Ended;
      let sink: OtlpSink;
      let report: Record<string, any>;

      before(async () => {
        sink = await startSink();
        ended = await runNode(['--require', 'sonde/register', 'app.cjs'], {
          cwd: appFolder([], join(import.meta.dirname, 'apps/values')),
          node: node.path,
          timeoutMillis: 100_000,
          env: {
            OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
            OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
            ...queues,
          },
        });
        await sink.close();
        report = ended.lines.find((line) => line.rounds) ?? {};
      });

      it('throws at no call, ends well, and pollutes no prototype', () => {
        expect(report.threw).to.deep.equal([]);
        expect(report.polluted).to.equal(null);
        expect(ended).to.include({ code: 0, signal: null });
        expect(report.rounds).to.be.greaterThan(2_000);
        expect(ended.stderr).to.not.contain('SONDE_ERR_EXPORT');
      });

      it('prints every good line, whole and in order', () => {
        const numbers = ended.lines.filter((line) => line.logger === 'good').map((line) => line.at);
        expect(numbers).to.deep.equal(Array.from({ length: report.rounds }, (_, at) => at));
      });

      it('lets no value forge an id or break a line', () => {
        for (const line of ended.stdout.split('\n').filter((text) => text !== '')) {
          const { trace_id: traceId } = JSON.parse(line);
          if (traceId !== undefined) expect(traceId).to.match(/^[0-9a-f]{32}$/);
        }
      });

      it('delivers every good record, span and count, in requests that decode', () => {
        const numbers = Array.from({ length: report.rounds }, (_, at) => at);
        const records = sink.logs().filter((log) => log.scope === 'good');
        const spans = sink.spans().filter((span) => span.name === 'good');
        const counts = sink.metrics().filter((metric) => metric.name === 'good.count');
        expect(sink.faults).to.deep.equal([]);
        expect(records.map((log) => log.attributes.at)).to.deep.equal(numbers);
        expect(spans.map((span) => span.attributes.at)).to.deep.equal(numbers);
        expect(counts.at(-1)?.points.map((point) => point.value)).to.deep.equal([report.rounds]);
      });

      it('delivers every hostile record, too', () => {
        const printed = ended.lines.filter(
          (line) => line.logger !== undefined && line.logger !== 'sonde.diagnostics',
        );
        const sent = sink.logs().filter((log) => log.scope !== 'sonde.diagnostics');
        expect(sent).to.have.length(printed.length);
      });
    });
  }
}
