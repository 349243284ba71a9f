import { expect } from 'chai';
import { resolveConfig } from '../../src/config/resolve.ts';
import { SondeError } from '../../src/errors.ts';

function refusal(options: unknown): SondeError {
  try {
    resolveConfig(options as object, {});
  } catch (error) {
    expect(error).to.be.instanceOf(SondeError);
    expect(error).to.have.property('code', 'SONDE_ERR_OPTION');
    return error as SondeError;
  }
  throw new Error('nothing was refused');
}

describe('options', () => {
  const wrong: [options: unknown, message: RegExp][] = [
    [{ logs: { level: 'loud' } }, /^logs\.level is "loud", which is not a level \(.*\) or a tree of levels/],
    [{ logs: { levl: 'info' } }, /^logs\.levl is not a known option; did you mean logs\.level\?/],
    [{ servise: { name: 'shop' } }, /^servise is not a known option; did you mean service\?/],
    [{ somethingElse: 1 }, /^somethingElse is not a known option\. /],
    [{ surroundings: { testRunner: true } }, /^surroundings is not a known option/],
    [{ otlp: { traces: { named: true } } }, /^otlp\.traces\.named is not a known option/],
    [{ traces: { samplerArg: 2 } }, /^traces\.samplerArg is 2, which is not a number from 0 to 1\./],
    [{ traces: { samplerArg: Number.NaN } }, /^traces\.samplerArg is NaN/],
    [
      { traces: { exporters: ['zipkin'] } },
      /^traces\.exporters is \["zipkin"\], which is not a list of otlp/,
    ],
    [{ traces: { exporters: 'otlp' } }, /^traces\.exporters is "otlp", which is not a list of/],
    [
      { traces: { batch: { maxQueueSize: -1 } } },
      /^traces\.batch\.maxQueueSize is -1, which is not a positive/,
    ],
    [{ traces: { batch: { maxQueueSize: '5' } } }, /^traces\.batch\.maxQueueSize is "5"/],
    [{ disabled: 'true' }, /^disabled is "true", which is not true or false\./],
    [{ logs: null }, /^logs is null, which is not a plain object\./],
    [{ logs: { level: null } }, /^logs\.level is null/],
    [{ service: new Map() }, /^service is a Map, which is not a plain object\./],
    [{ service: { name: '' } }, /^service\.name is "", which is not a text\./],
    [{ resource: { a: { b: 1 } } }, /^resource is an object, which is not attributes/],
    [{ resource: { a: [1, 'x'] } }, /^resource is an object/],
    [{ otlp: { headers: { 'a b': 'x' } } }, /^otlp\.headers is an object, which is not headers/],
    [{ otlp: { headers: { a: 'x\r\ny: z' } } }, /^otlp\.headers is an object/],
    [{ otlp: { protocol: 'grcp' } }, /^otlp\.protocol is "grcp", which is not one of http\/protobuf, /],
    [null, /^options is null/],
    ['shop', /^options is "shop"/],
    [[], /^options is a list/],
  ];

  for (const [options, message] of wrong) {
    it(`are refused by path: ${String(message)}`, () => {
      expect(refusal(options).message)
        .to.match(message)
        .and.match(/\[SONDE_ERR_OPTION\]$/);
    });
  }

  it('are refused, not passed on, when reading them throws', () => {
    const trap = new Proxy({}, { ownKeys: () => assertNever() });
    expect(refusal(trap).message).to.match(/threw an error when they were read/);
  });

  it('may be given without a prototype, frozen, and as what JSON.parse made of __proto__', () => {
    const bare = Object.assign(Object.create(null), { service: Object.freeze({ name: 'shop' }) });
    expect(resolveConfig(bare, {}).config.service.name).to.equal('shop');
    expect(refusal(JSON.parse('{"__proto__":{"disabled":true}}')).message).to.match(
      /^__proto__ is not a known/,
    );
    expect(({} as { disabled?: boolean }).disabled).to.equal(undefined);
  });

  it('take their words in any case and their lists without doubles', () => {
    const { config } = resolveConfig(
      { propagators: ['B3', 'b3'], metrics: { temporality: 'DELTA' as 'delta' } },
      {},
    );
    expect(config.propagators).to.deep.equal(['b3']);
    expect(config.metrics.temporality).to.equal('delta');
  });

  it('take Infinity for no limit, and an empty list or none for nothing', () => {
    const { config } = resolveConfig(
      {
        logs: { attributeCountLimit: Number.POSITIVE_INFINITY, exporters: [] },
        traces: { exporters: ['none'] },
      },
      {},
    );
    expect(config.logs.attributeCountLimit).to.equal(Number.POSITIVE_INFINITY);
    expect([config.logs.exporters, config.traces.exporters]).to.deep.equal([[], []]);
  });

  it('name the service by resource attributes, too, unless they name it outright', () => {
    const resource = { 'service.name': 'a', 'service.version': '1', 'service.instance.id': 'x', team: 't' };
    const { config } = resolveConfig({ resource }, { OTEL_SERVICE_NAME: 'env' });
    expect(config.service).to.deep.equal({ name: 'a', version: '1', instanceId: 'x' });
    expect(config.resource).to.deep.equal({ team: 't' });
    expect(resolveConfig({ resource, service: { name: 'b' } }, {}).config.service.name).to.equal('b');
  });
});

function assertNever(): never {
  throw new TypeError('not yours');
}
