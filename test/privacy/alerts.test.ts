/** The planted secrets again, as they would leave by the wire: mails of a real server, posts to a real receiver. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { alertDestination } from '../../exporters/alert.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { recordWith } from '../logs/captured.ts';
import { startMailServer } from '../support/smtp-server.ts';
import { labelled, looks, type Planted, secretNames } from './corpus.ts';

const value = 'Zq7Hx2Vn9LtW4Rb6';
const planted = [...labelled, ...looks];

/** The part of a secret that no line break cuts. */
function trace({ secret }: Planted): string {
  return secret.split('\n').reduce((longest, line) => (line.length > longest.length ? line : longest), '');
}

/** Each with a lot of the secrets in its fields, and one in message and error. */
function records(): LogRecord[] {
  const lots = Array.from({ length: Math.ceil(planted.length / 80) }, (_, i) =>
    planted.slice(i * 80, i * 80 + 80),
  );
  const named = Object.fromEntries(secretNames.slice(0, 90).map((name) => [name, value]));
  const fields = lots.map((lot) => Object.fromEntries(lot.map(({ text }, i) => [`field ${i}`, text])));
  return [
    { ...named, request: { headers: Object.fromEntries(secretNames.map((name) => [name, value])) } },
    ...fields,
  ].map((given, i) => {
    const { text } = planted[i * 7]!;
    return recordWith({
      level: 'ERROR',
      severityNumber: 17,
      message: text,
      error: new Error(text),
      fields: given,
    });
  });
}

function leaksIn(sent: string): string[] {
  return [...planted.map(trace), value].filter((secret) => sent.includes(secret));
}

describe('secrets in alerts on the wire (A62)', () => {
  const always = { windowMillis: 0, includeHtml: true, inDevelopment: true };

  it('never leave by mail', async () => {
    const server = await startMailServer();
    const email = `smtp://127.0.0.1:${server.port}`;
    const out = alertDestination({ ...always, email, adminEmails: ['ops@example.com'] });
    for (const record of records()) out.write(record);
    await out.flush?.();
    await server.close();
    expect(server.mails).to.have.length(records().length);
    // The text once as it was sent, and once with the line breaks taken out that a mail's encoding puts in.
    for (const { raw } of server.mails) {
      expect(raw).to.contain('text/html');
      expect(leaksIn(raw)).to.deep.equal([]);
      expect(leaksIn(raw.replaceAll('=\n', ''))).to.deep.equal([]);
      for (const part of raw.matchAll(/base64\n\n([A-Za-z\d+/=\n]+)/g)) {
        expect(leaksIn(Buffer.from(part[1]!, 'base64').toString('utf8'))).to.deep.equal([]);
      }
    }
  });

  for (const kind of ['slack', 'teams', 'generic'] as const) {
    it(`never leave by a webhook of kind ${kind}`, async () => {
      const bodies: string[] = [];
      const server = http.createServer(async (request, response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk);
        bodies.push(Buffer.concat(chunks).toString('utf8'));
        response.end();
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
      const out = alertDestination({ ...always, webhook: { url, kind } });
      for (const record of records()) out.write(record);
      await out.flush?.();
      server.close();
      expect(bodies).to.have.length(records().length);
      for (const body of bodies) expect(leaksIn(body)).to.deep.equal([]);
    });
  }
});
