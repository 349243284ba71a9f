import { globSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { expect } from 'chai';
import { environment } from '../../src/config/env.ts';
import { resolveConfig } from '../../src/config/resolve.ts';

const root = join(import.meta.dirname, '../..');

describe('environment', () => {
  it('is read in one file and nowhere else', () => {
    const files = globSync('{src,instrumentation,exporters}/**/*.ts', { cwd: root });
    const readers = files.filter((file) =>
      /\bprocess\s*(?:\?\.|\.|\[['"])\s*env\b/.test(readFileSync(join(root, file), 'utf8')),
    );
    const paths = readers.map((file) => file.split(sep).join('/'));
    // The preload asks SONDE_FORCE before it may load anything, and the doctor's probe may load nothing of Sonde.
    const apart = ['src/register.ts', 'src/doctor/probe.ts'];
    expect(paths.filter((path) => !apart.includes(path))).to.deep.equal(['src/config/env.ts']);
  });

  it('is read by a file without imports, which the preload may ask on any Node.js', () => {
    expect(readFileSync(join(root, 'src/config/env.ts'), 'utf8')).to.not.match(/^import |\brequire\(/m);
  });

  it('is copied as far as anybody asks for it, since a large one is slow to read', () => {
    const files = globSync('{src,instrumentation,exporters}/**/*.ts', { cwd: root });
    const texts = files.map((file) => readFileSync(join(root, file), 'utf8'));
    const names = texts.flatMap((text) => [
      ...text.matchAll(/(?<!process\.)\benv\.([A-Z_]{4,}|pm_exec_path)\b/g),
    ]);
    const asked = [...new Set(names.map(([, name]) => name!))];
    expect(asked).to.include('pm_exec_path');
    const before = { ...process.env };
    try {
      for (const name of [...asked, 'SOMEBODY_ELSES']) process.env[name] = 'x';
      expect(environment()).to.include.keys(asked).and.to.not.have.property('SOMEBODY_ELSES');
    } finally {
      for (const name of [...asked, 'SOMEBODY_ELSES']) {
        if (before[name] === undefined) delete process.env[name];
        else process.env[name] = before[name];
      }
    }
  });

  it('is copied, so that a later change of the process does not matter', () => {
    const copy = environment();
    process.env.OTEL_SERVICE_NAME = 'later';
    try {
      expect(copy).to.not.have.property('OTEL_SERVICE_NAME');
      expect(resolveConfig({}, copy).config.service.name).to.equal('mocha');
      expect(resolveConfig().config.service.name).to.equal('later');
    } finally {
      delete process.env.OTEL_SERVICE_NAME;
    }
  });
});
