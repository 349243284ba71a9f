/** On a Node.js that Sonde does not support: one line, and the app runs as without it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { unsupportedNodeVersions } from '../support/nodes.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const calls = `
async function work(sonde) {
  const log = sonde.getLogger('old');
  log.info('hello', { answer: 42 });
  const inside = sonde.withContext({ 'user.id': 'ada' }, () => sonde.withSpan('work', () => {
    sonde.addContext({ 'org.slug': 'acme' });
    log.warn('inside');
    sonde.counter('done').add(1);
    sonde.histogram('took').record(3);
    sonde.gauge('free').record(1);
    sonde.observe('size', () => 1);
    return sonde.currentSpan()?.isRecording();
  }));
  const later = await sonde.withSpan('later', async () => 7);
  sonde.keepContext(() => sonde.detached(() => sonde.extract({}, () => sonde.inject({}))))();
  console.log(JSON.stringify({ inside, later, id: sonde.correlationId() ?? 'none' }));
}
`;
const answer = `require('node:http').createServer((req, res) => res.end('ok')).listen(0, '127.0.0.1', function () {
  require('node:http').get({ port: this.address().port }, (res) => res.resume().on('end', () => this.close()));
});`;

const scripts: Record<string, string> = {
  'app.cjs': `console.log('the app runs'); ${answer} process.exitCode = 7;`,
  'app.mjs': `console.log('the app runs'); process.exitCode = 7;`,
  'logger.cjs': `${calls} work(require('sonde'));`,
  'logger.mjs': `import * as sonde from 'sonde'; ${calls} await work(sonde);`,
  'init.cjs': `${calls}
    const sonde = require('sonde');
    const handle = sonde.init();
    sonde.init();
    ${answer}
    work(sonde).then(async () => {
      await handle.forceFlush();
      console.log(JSON.stringify({ mode: handle.status().mode }));
      await handle.shutdown();
      sonde.getLogger('old').info('after');
    });`,
};

const linesIn = (text: string) => text.split('\n').filter((line) => line !== '');

for (const node of unsupportedNodeVersions()) {
  describe(`on Node ${node.name}, older than supported`, function () {
    this.timeout(30_000);
    let folder: string;
    before(() => {
      folder = appFolder();
      for (const [name, text] of Object.entries(scripts)) writeFileSync(join(folder, name), text);
    });

    async function run(args: string[], env: Record<string, string> = {}) {
      const sink = await startSink();
      const options = {
        cwd: folder,
        node: node.path,
        env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, ...env },
      };
      const ended = await runNode(args, options);
      await sink.close();
      expect(sink.requests).to.deep.equal([]);
      return ended;
    }

    function expectOneLine({ stderr }: Ended): void {
      expect(linesIn(stderr), stderr).to.have.length(1);
      expect(stderr).to.contain('22.15').and.to.contain('SONDE_ERR_NODE_VERSION');
    }

    function expectCalls(ended: Ended): void {
      const lines = ended.lines.filter((line) => line.logger === 'old');
      expect(lines.slice(0, 2).map((line) => line.message)).to.deep.equal(['hello', 'inside']);
      expect(lines[0]).to.include({ level: 'INFO', answer: 42 });
      expect(ended.lines).to.deep.include({ inside: false, later: 7, id: 'none' });
    }

    const preloads: [string, string[], Record<string, string>?][] = [
      ['--require', ['--require', 'sonde/register', 'app.cjs']],
      ['--require and an ES module', ['--require', 'sonde/register', 'app.mjs']],
      ['--import', ['--import', 'sonde/register', 'app.mjs']],
      ['--import and CommonJS', ['--import', 'sonde/register', 'app.cjs']],
      ['NODE_OPTIONS', ['app.cjs'], { NODE_OPTIONS: '--require sonde/register' }],
    ];
    for (const [name, args, env] of preloads) {
      it(`says one line and lets the app run with its own exit code (${name})`, async () => {
        const ended = await run(args, env);
        expectOneLine(ended);
        expect(ended).to.include({ code: 7, stdout: 'the app runs\n' });
      });
    }

    for (const script of ['logger.cjs', 'logger.mjs']) {
      it(`offers the console logger, and the rest as no-ops (${script})`, async () => {
        const ended = await run([script]);
        expect(ended).to.include({ code: 0, stderr: '' });
        expectCalls(ended);
      });
    }

    it('says one line at init() and goes on as a console logger', async () => {
      const ended = await run(['init.cjs']);
      expect(ended.code, ended.stderr).to.equal(0);
      expectOneLine(ended);
      expectCalls(ended);
      expect(ended.lines).to.deep.include({ mode: 'off' });
      expect(ended.lines.at(-1)).to.include({ message: 'after' });
    });
  });
}
