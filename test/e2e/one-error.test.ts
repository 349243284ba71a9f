/** One error object is one ERROR record, wherever it is met (A70). */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

/** Outside a test runner's environment both print what nobody handled: 4 as text, 5 as an object. */
const app = `
const express = require('express');
const http = require('node:http');
const log = require('sonde').getLogger('shop');
const app = express();
const routes = {
  '/logged': () => { const error = new Error('no card'); log.error('charge failed', error); throw error; },
  '/silent': () => { throw new Error('nobody logs'); },
  '/wrapped': () => {
    const cause = new Error('no rows'); log.error('query failed', cause); throw new Error('outer', { cause });
  },
};
for (const [path, route] of Object.entries(routes)) app.get(path, route);
const server = app.listen(0, '127.0.0.1', async () => {
  for (const path of Object.keys(routes))
    await new Promise((done) => http.get({ port: server.address().port, path }, (answer) => answer.resume().on('end', done)));
  server.close();
});`;

for (const framework of ['express', 'express-4']) {
  describe(`an error in ${framework}`, () => {
    it('is one ERROR, one access record and one exception, logged and thrown on or not (A70)', async function () {
      this.timeout(20_000);
      const folder = appFolder({ express: framework });
      writeFileSync(join(folder, 'one-error.cjs'), app);
      const sink = await startSink();
      const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl };
      const { lines, stderr } = await runNode(['--require', 'sonde/register', 'one-error.cjs'], {
        cwd: folder,
        env,
      });
      await sink.close();
      const told = (records: readonly { level: string; message: unknown }[]): unknown[] =>
        records.filter(({ level }) => level === 'ERROR').map(({ message }) => message);
      const wanted = ['charge failed', 'Internal Server Error: /silent', 'query failed'];
      const sent = sink.logs().map(({ severityText, body }) => ({ level: severityText, message: body }));
      expect(told(lines as never)).to.have.members(wanted);
      expect(told(sent)).to.have.members(wanted);
      expect(lines.filter(({ logger }) => logger === 'access')).to.have.length(3);
      const servers = sink.spans().filter(({ kind }) => kind === 2);
      expect(servers.map(({ events }) => events.length)).to.eql([1, 1, 1]);
      expect(stderr.match(/^Error: /gm)).to.have.length(3);
    });
  });
}
