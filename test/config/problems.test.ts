import { expect } from 'chai';
import fc from 'fast-check';
import type { Env } from '../../src/config/env.ts';
import { sondeLater, withoutEffect } from '../../src/config/known-names.ts';
import { type Problem, resolveConfig } from '../../src/config/resolve.ts';
import { fallbacks, variables } from '../../src/config/variables.ts';

function problems(env: Env): readonly Problem[] {
  return resolveConfig({}, env).problems;
}

function messages(env: Env): string {
  return problems(env)
    .map(({ message }) => message)
    .join('\n');
}

describe('problems of the environment', () => {
  it('name the variable, its value, what it takes and what is used', () => {
    expect(problems({ OTEL_BSP_MAX_QUEUE_SIZE: '-5' })).to.deep.equal([
      {
        level: 'warn',
        code: 'SONDE_ERR_ENV',
        message: 'OTEL_BSP_MAX_QUEUE_SIZE is "-5", which is not a positive whole number; using 2048.',
      },
    ]);
  });

  it('name the nearest known name of an unknown one', () => {
    const near: Record<string, string> = {
      OTEL_SERVICE_NAM: 'OTEL_SERVICE_NAME',
      OTEL_EXPORTER_OTLP_ENPOINT: 'OTEL_EXPORTER_OTLP_ENDPOINT',
      OTEL_TRACE_EXPORTER: 'OTEL_TRACES_EXPORTER',
      SONDE_LOG_LEVLE: 'SONDE_LOG_LEVEL',
      SONDE_LOGS__FORMT: 'SONDE_LOGS__FORMAT',
    };
    for (const [name, meant] of Object.entries(near)) {
      const [problem, ...others] = problems({ [name]: 'x' });
      expect(others).to.deep.equal([]);
      expect(problem).to.include({ level: 'warn', code: 'SONDE_ERR_ENV_UNKNOWN' });
      expect(problem!.message).to.equal(`${name} is not a variable Sonde knows; did you mean ${meant}?`);
    }
  });

  it('name no neighbour when none is near', () => {
    expect(messages({ SONDE_WEATHER_BALLOON: 'x' })).to.equal(
      'SONDE_WEATHER_BALLOON is not a variable Sonde knows.',
    );
  });

  it('do not arise from names of others', () => {
    const others = {
      OTEL_PYTHON_LOG_CORRELATION: 'true',
      OTEL_JAVAAGENT_ENABLED: 'true',
      OTEL_DOTNET_AUTO_HOME: '/x',
      OTEL_RESOURCE_ATTRIBUTES_POD_NAME: 'pod-1',
      OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS: 'x',
      OTEL_COLLECTOR_SERVICE_HOST: '10.0.0.1',
      OTEL_GATEWAY_PORT_4317_TCP_ADDR: '10.0.0.1',
      SONDE_SHOP_SERVICE_HOST: '10.0.0.1',
      SONDE_SHOP_PORT: 'tcp://10.0.0.1:80',
      PATH: '/bin',
    };
    expect(problems(others)).to.deep.equal([]);
  });

  it('are only whispered for names that are known and do nothing', () => {
    for (const name of [...sondeLater, ...withoutEffect]) {
      const found = problems({ [name]: 'x' });
      expect(found.map(({ level }) => level)).to.deep.equal(['debug']);
      expect(found[0]!.message).to.match(new RegExp(`^${name} is set and has no effect`));
    }
  });

  it('say in one line that declarative YAML is not read yet', () => {
    expect(messages({ OTEL_CONFIG_FILE: '/etc/otel.yaml' })).to.equal(
      'OTEL_CONFIG_FILE is set, but declarative YAML is not read yet; the other variables hold.',
    );
  });

  it('tell what comes later from what is wrong', () => {
    expect(messages({ OTEL_METRICS_EXPORTER: 'zipkin' })).to.match(/names "zipkin", which comes later/);
    const { metrics } = resolveConfig({}, { OTEL_METRICS_EXPORTER: 'zipkin' }).config;
    expect(metrics.exporters).to.deep.equal([]);
  });

  const remote: [name: string, arg: string | undefined, sampler: string, ratio: number][] = [
    ['jaeger_remote', 'endpoint=http://jaeger:14250,initialSamplingRate=0.25', 'traceidratio', 0.25],
    ['parentbased_jaeger_remote', undefined, 'parentbased_traceidratio', 1],
    ['xray', undefined, 'parentbased_always_on', 1],
  ];
  for (const [name, arg, sampler, ratio] of remote) {
    it(`say in one line that nobody is asked for the sampler ${name}, what holds, and what to do`, () => {
      const env = { OTEL_TRACES_SAMPLER: name, ...(arg && { OTEL_TRACES_SAMPLER_ARG: arg }) };
      const { config, problems: found } = resolveConfig({}, env);
      expect([config.traces.sampler, config.traces.samplerArg]).to.deep.equal([sampler, ratio]);
      expect(found.map(({ code }) => code)).to.deep.equal(['SONDE_ERR_ENV']);
      expect(found[0]!.message)
        .to.include(`OTEL_TRACES_SAMPLER is "${name}", whose server Sonde does not ask; using ${sampler}`)
        .and.include('Set it to sonde_rules and its rules in SONDE_SAMPLING_RULES.');
    });
  }

  it('say which argument of a sampler is wrong, and what holds', () => {
    expect(messages({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: 'half' })).to.equal(
      'OTEL_TRACES_SAMPLER_ARG is "half", which is not a number from 0 to 1; using 1.',
    );
    expect(messages({ OTEL_TRACES_SAMPLER: 'sonde_rules', OTEL_TRACES_SAMPLER_ARG: '-0.1' })).to.match(
      /^OTEL_TRACES_SAMPLER_ARG is "-0.1", which is not a number from 0 to 1; using 1\.$/,
    );
  });

  it('say that a ratio has no effect with a sampler that takes none', () => {
    expect(messages({ OTEL_TRACES_SAMPLER_ARG: '0.1' })).to.equal(
      'OTEL_TRACES_SAMPLER_ARG has no effect: the sampler is parentbased_always_on; ' +
        'OTEL_TRACES_SAMPLER=parentbased_traceidratio keeps that share.',
    );
    for (const quiet of [{ OTEL_TRACES_SAMPLER_ARG: '1' }, { OTEL_TRACES_SAMPLER: 'traceidratio' }]) {
      expect(problems({ OTEL_TRACES_SAMPLER_ARG: '0.1', ...quiet })).to.deep.equal([]);
    }
  });

  it('say that rules have no effect with a sampler that has none', () => {
    const env = { OTEL_TRACES_SAMPLER: 'always_on', SONDE_SAMPLING_RULES: '0.1' };
    expect(messages(env)).to.equal(
      'SONDE_SAMPLING_RULES has no effect: the sampler is always_on, and only sonde_rules goes by rules.',
    );
    expect(problems({ ...env, OTEL_TRACES_SAMPLER: 'sonde_rules' })).to.deep.equal([]);
  });

  it('leave out the wrong rules of a sampler and keep the right ones', () => {
    const { config, problems: found } = resolveConfig(
      {},
      { SONDE_SAMPLING_RULES: 'route=/a keep; route=/b 1.5; sometimes; name=a%20b DROP; kind=Server .5;' },
    );
    expect(config.traces.rules).to.deep.equal([
      { route: '/a', sample: 'keep' },
      { name: 'a b', sample: 'drop' },
      { kind: 'server', sample: 0.5 },
    ]);
    expect(found.map(({ message }) => message)).to.deep.equal([
      'SONDE_SAMPLING_RULES names "route=/b 1.5", "sometimes", which is no rule; it is left out.',
    ]);
    for (const text of [
      'kind=sever drop',
      'keep drop',
      'route=/a route=/b keep',
      'route= keep',
      '0/s',
      ';',
    ]) {
      expect(messages({ SONDE_SAMPLING_RULES: text }), text).to.match(
        /^SONDE_SAMPLING_RULES is .*, which is not rules such as .*; using none\.$/,
      );
    }
  });

  it('let none win over the names beside it, with a warning', () => {
    const { config, problems: found } = resolveConfig({}, { OTEL_TRACES_EXPORTER: 'otlp,none' });
    expect(config.traces.exporters).to.deep.equal([]);
    expect(found[0]!.message).to.equal('OTEL_TRACES_EXPORTER has "none" beside other names; none wins.');
    for (const alone of ['none', 'NONE', 'none,none']) {
      expect(problems({ OTEL_TRACES_EXPORTER: alone })).to.deep.equal([]);
    }
  });

  it('leave out the wrong names of a list and keep the right ones', () => {
    const { config, problems: found } = resolveConfig({}, { OTEL_PROPAGATORS: 'b3,pigeon' });
    expect(config.propagators).to.deep.equal(['b3']);
    expect(found[0]!.message).to.match(
      /^OTEL_PROPAGATORS names "pigeon", which is not one of .*; it is left out\.$/,
    );
  });

  it('leave out the wrong parts of a tree of levels and keep the right ones', () => {
    const { config, problems: found } = resolveConfig(
      {},
      { SONDE_LOG_LEVEL: 'warn,shop=loud,shop.db=debug' },
    );
    expect(config.logs.level).to.equal('warn,shop.db=debug');
    expect(found[0]!.message).to.equal(
      'SONDE_LOG_LEVEL names "shop=loud", which is no level; it is left out.',
    );
  });

  it('discard resource attributes whole when one part is wrong', () => {
    for (const text of ['a=1,b', 'a=1,=2', 'a=%zz', 'a=1=2', 'a%zz=1']) {
      const { config, problems: found } = resolveConfig({}, { OTEL_RESOURCE_ATTRIBUTES: text });
      expect(config.resource).to.deep.equal({});
      expect(found).to.have.lengthOf(1);
    }
  });

  it('keep a header as written when it cannot be decoded, and leave out what is none', () => {
    const { config, problems: found } = resolveConfig({}, { OTEL_EXPORTER_OTLP_HEADERS: 'key=50%,oops' });
    expect(config.otlp.traces.headers).to.deep.equal({ key: '50%' });
    expect(found[0]!.message).to.equal(
      'OTEL_EXPORTER_OTLP_HEADERS has a part that is not name=value; it is left out.',
    );
  });
});

describe('secrets', () => {
  const secret = 'hunter2hunter2';
  const wrong: Env[] = [
    { OTEL_EXPORTER_OTLP_HEADERS: secret },
    { OTEL_EXPORTER_OTLP_HEADERS: `good=${secret},${secret}` },
    { OTEL_EXPORTER_OTLP_LOGS_HEADERS: `Bearer ${secret}` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://user:${secret}@host/x` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://host/x?api_key=${secret}` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `ftp://${secret}@host/x` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: secret },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `key ${secret}` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `Authorization=${secret}` },
    { OTEL_EXPORTER_OTLP_ENDPOINT: `host:4318?token=${secret}` },
    { OTEL_RESOURCE_ATTRIBUTES: `db.password=${secret},oops` },
    { SONDE_OTLP__HEADERS: secret },
    { OTEL_TRACES_SAMPLER: `https://me:${secret}@host` },
    { SONDE_ADMIN_TOKNE: secret },
  ];

  for (const env of wrong) {
    it(`stay out of the words about ${Object.entries(env)[0]!.join('=').replace(secret, '***')}`, () => {
      expect(problems(env)).to.not.deep.equal([]);
      expect(messages(env)).to.not.include(secret);
    });
  }

  it('stay out of the words about options', () => {
    const options: any[] = [
      { otlp: { headers: secret } },
      { otlp: { headers: { authorization: [secret] } } },
      { otlp: { endpoint: `ftp://me:${secret}@host` } },
      { logs: { level: `token=${secret}` } },
    ];
    for (const given of options)
      expect(() => resolveConfig(given, {}))
        .to.throw()
        .with.property('message')
        .not.include(secret);
  });
});

describe('any environment', () => {
  const names = [...fallbacks, ...variables].map(({ name }) => name);
  const name = fc.oneof(
    fc.constantFrom(...names),
    fc.string().map((text) => `SONDE_${text}`),
    fc.string().map((text) => `OTEL_${text}`),
    fc.string(),
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string().map((part) => `http://${part}`),
    fc.string().map((part) => `${part}=${part},`),
    fc.constantFrom('__proto__=x', 'constructor', 'none', '%', '=', ',', '-0', '1e999'),
  );

  it('never makes it throw, and every problem is one line', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, text), { maxLength: 6 }), (entries) => {
        const env = Object.fromEntries(entries.filter(([key]) => key !== 'SONDE_CONFIG'));
        for (const { message } of problems(env)) expect(message).to.not.match(/[\r\n]/);
      }),
      { numRuns: 500 },
    );
  });
});
