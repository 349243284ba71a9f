/** One policy under many services (A74). */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import type { ConfigFile } from '../../src/config/file.ts';
import { type Resolution, resolveConfig, sourceOf } from '../../src/config/resolve.ts';

describe('one policy under many services (A74)', () => {
  let folder: string;

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'sonde-policy-')));
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function write(name: string, content: ConfigFile | Record<string, unknown>): string {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(content));
    return file;
  }

  function messages({ problems }: Resolution): string[] {
    return problems.map(({ code, message }) => `${code} ${message.replaceAll(`${folder}/`, '')}`);
  }

  it('lies in a package that the file of a service extends, and each value knows its file', () => {
    write('node_modules/@acme/observability/package.json', {
      name: '@acme/observability',
      main: 'policy.json',
    });
    const policy = write('node_modules/@acme/observability/policy.json', {
      logs: { level: 'warn', format: 'ecs' },
      resource: { team: 'shop', region: 'eu' },
    });
    const own = write('sonde.json', {
      extends: '@acme/observability',
      logs: { level: 'info' },
      resource: { region: 'us' },
    });
    const resolution = resolveConfig({}, { SONDE_CONFIG: own });
    const { config } = resolution;
    expect(messages(resolution)).to.deep.equal([]);
    expect([config.logs.level, config.logs.format]).to.deep.equal(['info', 'ecs']);
    expect(config.resource).to.deep.equal({ team: 'shop', region: 'us' });
    expect(sourceOf(config, 'logs.level')).to.equal(`file ${own}`);
    expect(sourceOf(config, 'logs.format')).to.equal(`file ${policy}`);
  });

  it('may itself extend others, and the nearest wins', () => {
    write('company.json', { logs: { level: 'error', format: 'json' } });
    write('team.json', { extends: './company.json', logs: { level: 'warn' } });
    const own = write('own.json', { extends: ['./team.json'] });
    const { config } = resolveConfig({}, { SONDE_CONFIG: own });
    expect([config.logs.level, config.logs.format]).to.deep.equal(['warn', 'json']);
  });

  it('keeps the keys that it locks: a service adds to them, and neither file, variable nor code takes one away', () => {
    write('policy.json', { privacy: { redactKeys: ['customer.email'] }, locked: ['privacy'] });
    const own = write('own.json', { extends: './policy.json', privacy: { redactKeys: ['iban_of_payer'] } });
    const added = resolveConfig({}, { SONDE_CONFIG: own });
    expect(added.config.privacy.redactKeys).to.deep.equal(['customer.email', 'iban_of_payer']);
    expect(messages(added)).to.deep.equal([]);

    const loosened = resolveConfig(
      { privacy: { allowKeys: ['Customer.Email'] } },
      { SONDE_CONFIG: own, SONDE_REDACT: 'off' },
    );
    expect(loosened.config.privacy).to.include({ redact: true });
    expect(loosened.config.privacy.redactKeys).to.include('customer.email');
    expect(loosened.config.privacy.allowKeys).to.deep.equal([]);
    expect(messages(loosened)).to.deep.equal([
      'SONDE_ERR_LOCKED SONDE_REDACT is false, but policy.json locks privacy.redact; using true.',
      'SONDE_ERR_LOCKED privacy.allowKeys is ["Customer.Email"], but policy.json locks privacy.allowKeys; using none.',
    ]);
  });

  it('lets nobody allow what it hides, where only the hidden keys are locked', () => {
    write('policy.json', { privacy: { redactKeys: ['customer.email'] }, locked: ['privacy.redactKeys'] });
    const own = write('own.json', {
      extends: './policy.json',
      privacy: { allowKeys: ['customer_email', 'Customer.Email', 'token_count'] },
    });
    const { config } = resolveConfig({}, { SONDE_CONFIG: own });
    expect(config.privacy.allowKeys).to.deep.equal(['customer_email', 'token_count']);
  });

  it('sets a ceiling for the sampling ratio: less is the choice of a service, more is not', () => {
    write('policy.json', { traces: { samplerArg: 0.1 }, locked: ['traces.samplerArg'] });
    const own = write('own.json', { extends: './policy.json' });
    const less = resolveConfig({ traces: { samplerArg: 0.05 } }, { SONDE_CONFIG: own });
    expect([less.config.traces.samplerArg, messages(less)]).to.deep.equal([0.05, []]);
    const more = resolveConfig({}, { SONDE_CONFIG: own, OTEL_TRACES_SAMPLER_ARG: '1' });
    expect(more.config.traces.samplerArg).to.equal(0.1);
    expect(messages(more)).to.deep.equal([
      'SONDE_ERR_LOCKED OTEL_TRACES_SAMPLER_ARG is 1, but policy.json locks traces.samplerArg; using 0.1.',
    ]);
  });

  it('holds for sonde_tail, too, which picks one trace in twenty where nobody says how many (A74)', () => {
    write('policy.json', {
      traces: { samplerArg: 0.1, tail: { slow: '1s' } },
      locked: ['traces.samplerArg', 'traces.tail.slow'],
    });
    const own = write('own.json', { extends: './policy.json', traces: { sampler: 'sonde_tail' } });
    const { config, problems } = resolveConfig({}, { SONDE_CONFIG: own });
    expect([config.traces.samplerArg, problems]).to.deep.equal([0.1, []]);
    const looser = resolveConfig(
      {},
      { SONDE_CONFIG: own, OTEL_TRACES_SAMPLER_ARG: '0.5', SONDE_TAIL_SLOW: '0ms' },
    );
    expect([looser.config.traces.samplerArg, looser.config.traces.tail.slow]).to.deep.equal([0.1, '1s']);
    expect(looser.problems).to.have.length(2);
    const alone = resolveConfig({}, { OTEL_TRACES_SAMPLER: 'sonde_tail' });
    expect(alone.config.traces.samplerArg).to.equal(0.05);
    expect(sourceOf(alone.config, 'traces.samplerArg')).to.equal('default of sonde_tail');
  });

  it('sets a ceiling for the traces a second, and holds the rules of sampling as they are', () => {
    const rules = [{ route: '/checkout/*', sample: 'keep' }, { sample: 0.1 }];
    write('policy.json', { traces: { tracesPerSecond: 50, rules }, locked: ['traces'] });
    const own = write('own.json', { extends: './policy.json' });
    const less = resolveConfig({ traces: { tracesPerSecond: 5 } }, { SONDE_CONFIG: own });
    expect([less.config.traces.tracesPerSecond, messages(less)]).to.deep.equal([5, []]);
    const more = resolveConfig(
      { traces: { rules: [{ sample: 'keep' }] } },
      { SONDE_CONFIG: own, SONDE_TRACES_PER_SECOND: '500' },
    );
    expect([more.config.traces.tracesPerSecond, more.config.traces.rules]).to.deep.equal([50, rules]);
    expect(messages(more)).to.have.members([
      'SONDE_ERR_LOCKED SONDE_TRACES_PER_SECOND is 500, but policy.json locks traces.tracesPerSecond; using 50.',
      'SONDE_ERR_LOCKED traces.rules is ["keep"], but policy.json locks traces.rules; using route=/checkout/* keep, 0.1.',
    ]);
  });

  it('locks a setting for each signal, a map name by name, and what has no value at all', () => {
    write('policy.json', {
      otlp: { protocol: 'grpc' },
      resource: { team: 'shop' },
      locked: ['otlp.protocol', 'resource', 'admin.host'],
    });
    const own = write('own.json', { extends: './policy.json' });
    const options = {
      otlp: { protocol: 'http/json' },
      resource: { team: 'other' },
      admin: { host: '0.0.0.0' },
    } as const;
    const { config } = resolveConfig(options, { SONDE_CONFIG: own });
    expect(config.otlp.logs.protocol).to.equal('grpc');
    expect(config.resource).to.deep.equal({ team: 'shop' });
    expect(config.admin.host).to.equal(resolveConfig({}, {}).config.admin.host);
  });

  it('never shows a secret of either side', () => {
    write('policy.json', { admin: { token: 'kept-by-policy' }, locked: ['admin.token'] });
    const own = write('own.json', { extends: './policy.json' });
    const resolution = resolveConfig({ admin: { token: 'wanted-by-code' } }, { SONDE_CONFIG: own });
    expect(resolution.config.admin.token).to.equal('kept-by-policy');
    expect(messages(resolution).join())
      .to.match(/locks admin\.token/)
      .and.not.match(/kept-by|wanted-by/);
  });

  it('may be mounted: where it locks something the file of the service lies over it', () => {
    write('app/package.json', { name: 'shop' });
    write('app/sonde.config.json', { logs: { level: 'debug', format: 'ecs' } });
    const script = join(folder, 'app/main.js');
    writeFileSync(script, '');
    const policy = write('mounted.json', { logs: { level: 'warn' }, locked: ['logs.level'] });
    const env = { SONDE_CONFIG: policy };
    const before = process.argv[1];
    process.argv[1] = script;
    try {
      const { config } = resolveConfig({}, env);
      expect([config.logs.level, config.logs.format]).to.deep.equal(['warn', 'ecs']);
      write('mounted.json', { logs: { level: 'warn' } });
      expect(resolveConfig({}, env).config.logs.format).to.equal('auto');
    } finally {
      process.argv[1] = before!;
    }
  });

  const wrong: [content: ConfigFile | Record<string, unknown>, message: RegExp][] = [
    [{ extends: '@acme/nowhere' }, /own\.json: it extends "?@acme\/nowhere"?, which is not there\./],
    [
      { extends: './own.json' },
      /own\.json: it extends "?\.\/own\.json"?, which extends it; that is left out\./,
    ],
    [{ extends: 7 }, /own\.json: extends is 7, which is not a text or a list of texts; it is left out\./],
    [{ locked: ['privacy.redactKey'] }, /own\.json: locked names .*privacy\.redactKey.*privacy\.redactKeys/],
  ];
  for (const [content, message] of wrong) {
    it(`says what is wrong with ${JSON.stringify(content)}, and goes on`, () => {
      const resolution = resolveConfig(
        {},
        { SONDE_CONFIG: write('own.json', { logs: { level: 'warn' }, ...content }) },
      );
      expect(messages(resolution).join()).to.match(message);
      expect(resolution.config.logs.level).to.equal('warn');
    });
  }
});
