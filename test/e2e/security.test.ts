/** What was tried and what was done is on record, whatever the sampler and the general level say (A65). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const script = `
const { audit, init, security, withContext, withSpan } = require('sonde');
init();
withContext({ 'user.id': '42', 'org.slug': 'acme' }, () => withSpan('request', () => {
  security('permission_denied', { task_id: 7, permission: 'tasks.delete', session_token: 's3cr3t-1' });
  audit('orders_exported', { filters: { year: 2026, password: 's3cr3t-2' }, rows: 1042, note: 'Bearer s3cr3tABCDEF123456' });
}));
`;

const samplers: readonly Record<string, string>[] = [
  { OTEL_TRACES_SAMPLER: 'always_off' },
  { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
  { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
  { OTEL_TRACES_SAMPLER: 'sonde_rules', SONDE_SAMPLING_RULES: 'drop' },
];

describe('security() and audit()', function () {
  this.timeout(30_000);

  for (const sampler of samplers) {
    it(`are recorded and redacted, and never sampled out: ${Object.values(sampler).join(' ')} (A65)`, async () => {
      const folder = appFolder();
      writeFileSync(join(folder, 'app.cjs'), script);
      const sink = await startSink();
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, SONDE_LOG_LEVEL: 'warn', ...sampler };
      const ended = await runNode(['app.cjs'], { cwd: folder, env });
      await sink.close();
      expect(ended.code, ended.stderr).to.equal(0);
      expect(sink.spans()).to.deep.equal([]);

      const [denied, exported] = ended.lines.filter(({ logger }) => logger !== 'sonde.diagnostics');
      expect(denied).to.include({
        ...{ level: 'WARN', logger: 'sonde.security.permission_denied', message: 'permission_denied' },
        ...{ 'user.id': '42', 'org.slug': 'acme', task_id: 7, permission: 'tasks.delete' },
        ...{ session_token: '[REDACTED]', trace_flags: '00' },
      });
      expect(exported).to.deep.include({
        ...{ level: 'INFO', logger: 'sonde.audit', message: 'orders_exported', rows: 1042 },
        ...{ 'user.id': '42', filters: { year: 2026, password: '[REDACTED]' }, trace_id: denied!.trace_id },
      });
      expect(sink.logs().map((log) => log.body)).to.have.members(['permission_denied', 'orders_exported']);
      expect(ended.stdout + sink.requests.map(({ bytes }) => bytes.toString('latin1')).join()).not.to.contain(
        's3cr3t',
      );
    });
  }
});
