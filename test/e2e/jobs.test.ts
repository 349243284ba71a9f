/** Work that goes on elsewhere: in another process by a queue, or in a script that nobody waits for. */
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { requirePostgres, requireRedis } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

for (const node of nodeVersions()) {
  describe(`jobs (Node ${node.name})`, function () {
    this.timeout(60_000);
    let sink: OtlpSink;
    let env: Record<string, string>;

    beforeEach(async () => {
      sink = await startSink();
      env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, SONDE_ACCESS_LOG: 'off' };
    });

    afterEach(() => sink.close());

    it('makes one trace from an HTTP request to the job in another process, one correlation id on every line (A31)', async function () {
      await requirePostgres(this);
      await requireRedis(this);
      const packages = ['express', 'pg', 'ioredis', 'bullmq'];
      const folder = appFolder(packages, join(import.meta.dirname, 'apps/jobs'));
      const queue = `sonde-${randomUUID()}`;
      const run = (file: string) =>
        runNode(['--import', 'sonde/register', file, queue], { cwd: folder, node: node.path, env });
      const [web, worker] = await Promise.all([run('web.mjs'), run('worker.mjs')]);
      expect([web.code, worker.code], web.stderr + worker.stderr).to.deep.equal([0, 0]);
      const lines = [...web.lines, ...worker.lines].filter(({ logger }) => logger.startsWith('shop.'));
      expect(lines.map(({ logger, message }) => [logger, message])).to.deep.equal([
        ['shop.web', 'price asked'],
        ['shop.web', 'order read'],
        ['shop.mail', 'mail sent'],
      ]);
      for (const line of lines) {
        expect(line.trace_id).to.equal('a'.repeat(32));
        expect(line.correlation_id).to.equal('web-42');
      }
      expect(lines[2]).to.include({ 'messaging.destination.name': queue, 'messaging.message.id': '1' });

      const spans = sink.spans().filter(({ traceId }) => traceId === 'a'.repeat(32));
      const named = (name: string) => spans.find((span) => span.name === name);
      for (const [child, parent] of [
        ['SELECT', 'GET /orders/:id'],
        ['GET', 'GET /orders/:id'],
        [`send ${queue}`, 'GET /orders/:id'],
        [`process ${queue}`, `send ${queue}`],
        ['SELECT pg_class', `process ${queue}`],
      ] as const) {
        expect(named(child)?.parentSpanId, `${child} in ${parent}`).to.equal(named(parent)?.spanId);
      }
      const ends = [...web.lines, ...worker.lines].filter(({ level }) => level === 'ERROR');
      expect(ends).to.deep.equal([]);
    });

    it('runs a script as one unit of work with a start and an end (A32)', async () => {
      const folder = appFolder();
      const text = `const { getLogger, runJob, withSpan } = require('sonde');
        runJob('nightly-import', async () => {
          getLogger('import').info('reading');
          await withSpan('read', () => 1);
        });`;
      writeFileSync(join(folder, 'script.cjs'), text);
      const args = ['--require', 'sonde/register', 'script.cjs'];
      const { code, lines } = await runNode(args, { cwd: folder, node: node.path, env });
      expect(code).to.equal(0);
      const own = lines.filter(({ logger }) => logger !== 'sonde.diagnostics');
      expect(own.map(({ message }) => message)).to.deep.equal([
        'Job started: nightly-import',
        'reading',
        'Job ended: nightly-import',
      ]);
      expect(new Set(own.map(({ correlation_id }) => correlation_id)).size).to.equal(1);
      expect(own[0]!.correlation_id).to.be.a('string');
      expect(own[2]!.duration_ms).to.be.a('number');
      expect(sink.spans().map(({ name }) => name)).to.have.members(['read', 'nightly-import']);
      expect(sink.logs()).to.have.length.of.at.least(3);
    });

    for (const [flag, file, imports] of [
      [
        '--require',
        'work.cjs',
        "const { getLogger, keepContext, withContext, wrapJob } = require('sonde'); const { EventEmitter } = require('node:events');",
      ],
      [
        '--import',
        'work.mjs',
        "import { getLogger, keepContext, withContext, wrapJob } from 'sonde'; import { EventEmitter } from 'node:events';",
      ],
    ] as const) {
      it(`makes each call of a wrapped job a unit of work, and keeps a callback in its own: ${file} (A26, A32)`, async () => {
        const folder = appFolder();
        const text = `${imports}
          const log = getLogger('shop.cron');
          const bus = new EventEmitter();
          const work = wrapJob(async (name) => {
            bus.once(name, keepContext(() => log.info('heard ' + name)));
            log.info('did ' + name);
            if (name === 'b') throw new RangeError('no ' + name);
          }, { name: 'cron' });
          work('a').then(() => work('b')).catch((error) => {
            log.info('retried after ' + error.message);
            withContext({ 'user.id': 'other' }, () => { bus.emit('a'); bus.emit('b'); });
          });`;
        writeFileSync(join(folder, file), text);
        const args = [flag, 'sonde/register', file];
        const { code, lines } = await runNode(args, { cwd: folder, node: node.path, env });
        expect(code).to.equal(0);
        const line = (message: string) => lines.find((each) => each.message === message);
        for (const name of ['a', 'b']) {
          const [did, heard] = [line(`did ${name}`), line(`heard ${name}`)];
          expect(did?.correlation_id).to.be.a('string');
          expect(heard).to.include({ correlation_id: did?.correlation_id, trace_id: did?.trace_id });
          expect(heard).to.not.have.property('user.id');
        }
        expect(line('did a')?.correlation_id).to.not.equal(line('did b')?.correlation_id);
        expect(line('retried after no b')).to.be.an('object');
        const errors = lines.filter(({ level }) => level === 'ERROR');
        expect(errors.map(({ logger, correlation_id }) => [logger, correlation_id])).to.deep.equal([
          ['sonde.jobs', line('did b')?.correlation_id],
        ]);
        expect(sink.spans().map(({ name }) => name)).to.deep.equal(['cron', 'cron']);
      });
    }

    it('tells what a script throws once, ends with 1, and delivers all (A32)', async () => {
      const folder = appFolder();
      const text = `import { runJob } from 'sonde';
        await runJob('nightly-import', async () => { throw new RangeError('no file'); });`;
      writeFileSync(join(folder, 'script.mjs'), text);
      const args = ['--import', 'sonde/register', 'script.mjs'];
      const { code, lines } = await runNode(args, { cwd: folder, node: node.path, env });
      expect(code).to.equal(1);
      const errors = lines.filter(({ level }) => ['ERROR', 'FATAL'].includes(level));
      expect(errors.map(({ logger, level }) => [logger, level])).to.deep.equal([
        ['sonde.jobs', 'ERROR'],
        ['sonde.process', 'FATAL'],
      ]);
      expect(errors[1]!['error.seen'], 'the end of the process is not the error once more').to.equal(true);
      expect(errors[0]!['error.stack']).to.include('RangeError: no file');
    });
  });
}
