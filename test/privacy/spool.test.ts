/** The corpus once more, over what lies on disk: nothing that was planted is in any byte of a spool. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startDelivery } from '../../exporters/otlp/delivery.ts';
import * as encodingPart from '../../exporters/otlp/encoding.ts';
import * as grpcPart from '../../exporters/otlp/grpc.ts';
import * as lastPost from '../../exporters/otlp/last-post.ts';
import * as otlpPart from '../../exporters/otlp/otlp.ts';
import { type Config, defaults, type OtlpProtocol } from '../../src/config/config.ts';
import * as spoolPart from '../../src/delivery/keeper.ts';
import { redactAttributes } from '../../src/processing/redact.ts';
import { type Ear, ear, target } from '../support/otlp-items.ts';
import { labelled, looks, type Planted, secretNames } from './corpus.ts';
import { endedSpan, namePlaces, textPlaces } from './places.ts';

const value = 'Zq7Hx2Vn9LtW4Rb6';
const planted = [...labelled, ...looks];

/** The part of a secret that stays on one line whatever writes it. */
function trace({ secret }: Planted): string {
  return secret
    .split('\n')
    .reduce((longest, line) => (/PRIVATE|^.{0,9}$/.test(line) ? longest : line), secret);
}

/** Everything in a folder, files and their names. */
function bytesIn(folder: string): string {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((file) =>
      file.isFile() ? file.name + fs.readFileSync(join(file.parentPath, file.name), 'latin1') : file.name,
    )
    .join('\n');
}

for (const protocol of ['http/protobuf', 'http/json'] as const) {
  describe(`a spool on disk (${protocol}) (A62)`, function () {
    this.timeout(30_000);
    let dir: string;
    let heard: Ear;
    before(() => {
      heard = ear();
      dir = fs.mkdtempSync(join(tmpdir(), 'sonde-secrets-'));
    });
    after(() => {
      heard.close();
      fs.rmSync(dir, { recursive: true, force: true });
    });

    function deliver() {
      const to = (signal: string) =>
        target({ endpoint: `http://127.0.0.1:9/v1/${signal}`, protocol: protocol as OtlpProtocol });
      const batch = { ...defaults.traces.batch, scheduleDelayMillis: 20 };
      const config: Config = {
        ...defaults,
        traces: { ...defaults.traces, batch },
        logs: { ...defaults.logs, batch },
        otlp: { off: false, traces: to('traces'), metrics: to('metrics'), logs: to('logs') },
        spool: { dir, maxBytes: defaults.spool.maxBytes },
      };
      return startDelivery({
        config,
        attributes: redactAttributes({ 'service.name': 'shop', note: planted[0]!.text }) as never,
        ...{ loadOtlp: () => otlpPart, loadGrpc: () => grpcPart, loadEncoding: () => encodingPart },
        ...{ loadSpool: () => spoolPart, loadLastPost: () => lastPost },
      });
    }

    it('holds every record and span, and no planted secret in any byte', async () => {
      const delivery = deliver();
      const records = [
        ...Object.values(textPlaces).flatMap((plant) => planted.map(({ text }) => plant(text))),
        ...Object.values(namePlaces).flatMap((plant) => secretNames.map((name) => plant({ [name]: value }))),
      ];
      for (const record of records) delivery.logs!(record);
      for (const { text } of planted) delivery.spans!.add(endedSpan(text, { note: text }, text));
      for (const name of secretNames) delivery.spans!.add(endedSpan('work', { [name]: value }, 'failed'));
      delivery.spans!.add(endedSpan('harmless work', {}, 'failed'));
      await delivery.shutdown(500);
      expect(heard.counted('spooled.logs')).to.equal(records.length);
      expect(heard.counted('spooled.traces')).to.equal(planted.length + secretNames.length + 1);
      const bytes = bytesIn(dir);
      expect(bytes, 'the spool is readable').to.include('harmless work');
      const found = planted.filter((each) => bytes.includes(Buffer.from(trace(each)).toString('latin1')));
      expect(found).to.deep.equal([]);
      expect(bytes).to.not.include(value);
    });
  });
}
