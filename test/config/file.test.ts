import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { configFile, defineConfig } from '../../src/config/file.ts';
import { type Resolution, resolveConfig, sourceOf } from '../../src/config/resolve.ts';

describe('configuration file', () => {
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sonde-file-')));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function write(name: string, text: string): string {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  function resolveWith(name: string, text: string): Resolution {
    return resolveConfig({}, { SONDE_CONFIG: write(name, text) });
  }

  const forms: Record<string, string> = {
    'sonde.config.json': '{ "logs": { "level": "warn" } }',
    'sonde.config.cjs': 'module.exports = { logs: { level: "warn" } };',
    'sonde.config.mjs': 'export default { logs: { level: "warn" } };',
    'sonde.config.ts': 'const level: string = "warn"; export default { logs: { level } };',
    'named.mjs': 'export const logs = { level: "warn" };',
  };

  for (const [name, text] of Object.entries(forms)) {
    it(`may be ${name}`, () => {
      const { config, problems } = resolveWith(name, text);
      expect(config.logs.level).to.equal('warn');
      expect(sourceOf(config, 'logs.level')).to.equal(`file ${join(folder, name)}`);
      expect(problems).to.deep.equal([]);
    });
  }

  it('is found beside the package.json of the app, TypeScript before JSON', () => {
    const app = { file: write('package.json', '{ "name": "shop" }'), name: 'shop' };
    expect(configFile({}, app)).to.equal(undefined);
    const json = write('sonde.config.json', '{}');
    expect(configFile({}, app)).to.equal(json);
    const ts = write('sonde.config.ts', 'export default {};');
    expect(configFile({}, app)).to.equal(ts);
    expect(configFile({ SONDE_CONFIG: json }, app)).to.equal(json);
    expect(configFile({}, undefined)).to.equal(undefined);
  });

  const broken: [name: string, text: string | undefined, message: RegExp][] = [
    ['missing.json', undefined, /is not there; nothing of it is used\.$/],
    ['missing.mjs', undefined, /is not there; nothing of it is used\.$/],
    [
      'bad.json',
      '{ "otlp": { "headers": { "k": "hunter2" }',
      /it is not valid JSON at .*; nothing of it is used\.$/,
    ],
    ['list.json', '[1]', /it does not export an object; nothing of it is used\.$/],
    ['nothing.mjs', 'export default undefined;', /it does not export an object/],
    ['throws.cjs', 'throw new Error("first\\nsecond");', /: first; nothing of it is used\.$/],
    ['throws.mjs', 'throw undefined;', /: it threw something that is no error; nothing/],
    ['waits.mjs', 'await 1; export default {};', /it awaits at its top level/],
    ['syntax.cjs', 'module.exports = {', /nothing of it is used\.$/],
    ['imports.cjs', 'require("./no-such-file");', /it, or what it imports, is not there/],
    ['sonde.yaml', 'logs: {}', /only \.ts, \.mjs, \.cjs, \.js and \.json are read/],
  ];

  for (const [name, text, message] of broken) {
    it(`never throws when it is broken, and is one line: ${name}`, () => {
      const file = text === undefined ? join(folder, name) : write(name, text);
      const { config, problems } = resolveConfig({}, { SONDE_CONFIG: file });
      expect(config.logs.level).to.equal('info');
      expect(problems).to.have.lengthOf(1);
      expect(problems[0]!.code).to.equal('SONDE_ERR_CONFIG_FILE');
      expect(problems[0]!.message).to.match(message).and.not.include('hunter2').and.not.include('\n');
    });
  }

  it('says each wrong value and unknown name with the file, and keeps the rest', () => {
    const text =
      '{ "logs": { "level": "loud", "format": "json", "levl": 1 }, "otlp": { "headers": "hunter2" } }';
    const { config, problems } = resolveWith('sonde.config.json', text);
    expect(config.logs).to.include({ level: 'info', format: 'json' });
    const said = problems.map(({ message }) => message.replace(`${folder}/sonde.config.json: `, ''));
    expect(said).to.have.lengthOf(3);
    expect(said[0]).to.match(/^logs\.level is "loud", .*; using info\.$/);
    expect(said[1]).to.equal('logs.levl is not a known option; did you mean logs.level?');
    expect(said[2]).to.equal(
      'otlp.headers is [redacted], which is not headers as name=value pairs; using none.',
    );
  });

  it('may be written with defineConfig, which gives it back', () => {
    const given = { service: { name: 'shop' }, otlp: { endpoint: 'http://c:4318' } };
    expect(defineConfig(given)).to.equal(given);
  });
});
