import { expect } from 'chai';
import type { Env } from '../../src/config/env.ts';
import { resolveConfig } from '../../src/config/resolve.ts';

function traces(env: Env): { endpoint: string; named: boolean } {
  const { endpoint, named } = resolveConfig({}, env).config.otlp.traces;
  return { endpoint, named };
}

const general = 'OTEL_EXPORTER_OTLP_ENDPOINT';
const own = 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
const grpc = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };

describe('OTLP endpoints', () => {
  const cases: [claim: string, env: Env, endpoint: string, named?: boolean][] = [
    ['go to the address of the specification when unnamed', {}, 'http://localhost:4318/v1/traces', false],
    ['have the port of grpc when unnamed', grpc, 'http://localhost:4317', false],
    ['get the path of their signal', { [general]: 'http://c:4318' }, 'http://c:4318/v1/traces'],
    ['keep a base path', { [general]: 'http://c:4318/in/' }, 'http://c:4318/in/v1/traces'],
    ['get the path before the query', { [general]: 'https://c/in?k=v' }, 'https://c/in/v1/traces?k=v'],
    ['are taken as they are for one signal', { [own]: 'http://c:1/x' }, 'http://c:1/x'],
    ['are the root for one signal without a path', { [own]: 'http://c:4318' }, 'http://c:4318/'],
    ['prefer the one for the signal', { [own]: 'http://a:1/', [general]: 'http://b:1' }, 'http://a:1/'],
    ['have no path for grpc', { ...grpc, [general]: 'https://c:4317/v1/traces' }, 'https://c:4317'],
    ['are secure for grpc without a scheme', { ...grpc, [own]: 'c:4317' }, 'https://c:4317'],
    [
      'are plain for grpc without a scheme when insecure',
      { ...grpc, [own]: 'c:4317', OTEL_EXPORTER_OTLP_INSECURE: 'true' },
      'http://c:4317',
    ],
    [
      'follow their scheme rather than insecure',
      { ...grpc, [own]: 'https://c:4317', OTEL_EXPORTER_OTLP_INSECURE: 'true' },
      'https://c:4317',
    ],
    ['may be a Unix socket', { [general]: 'unix:///run/o.sock' }, 'http+unix://%2Frun%2Fo.sock/v1/traces'],
    ['may be one for grpc', { ...grpc, [own]: 'unix:/run/o.sock' }, 'http+unix://%2Frun%2Fo.sock'],
    ['may be one for one signal', { [own]: 'unix:///run/o.sock' }, 'http+unix://%2Frun%2Fo.sock/v1/traces'],
    [
      'may have a path behind a socket',
      { [own]: 'http+unix://%2Frun%2Fo.sock/in/spans' },
      'http+unix://%2Frun%2Fo.sock/in/spans',
    ],
    ['may be an IPv6 address', { [general]: 'http://[::1]:4318' }, 'http://[::1]:4318/v1/traces'],
  ];

  for (const [claim, env, endpoint, named = true] of cases) {
    it(claim, () => {
      expect(traces(env)).to.deep.equal({ endpoint, named });
      expect(resolveConfig({}, env).problems).to.deep.equal([]);
    });
  }

  it('without a scheme are one line for all signals, and the default holds', () => {
    const { config, problems } = resolveConfig({}, { [general]: 'collector:4318' });
    expect(config.otlp.logs).to.include({ endpoint: 'http://localhost:4318/v1/logs', named: false });
    expect(problems.map(({ message }) => message)).to.deep.equal([
      'OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4318", which is not a URL with http://, https:// or unix://, ' +
        'as http/protobuf and http/json need; using http://localhost:4318.',
    ]);
  });

  it('without a scheme throw when given in code', () => {
    expect(() => resolveConfig({ otlp: { traces: { endpoint: 'collector:4318' } } }, {}))
      .to.throw(/^otlp\.traces\.endpoint is "collector:4318", which is not a URL/)
      .with.property('code', 'SONDE_ERR_OPTION');
  });

  it('in code win over those of the environment, for every signal', () => {
    const { otlp } = resolveConfig(
      { otlp: { endpoint: 'http://code:1' } },
      { [own]: 'http://env:1/' },
    ).config;
    expect(otlp.traces.endpoint).to.equal('http://code:1/v1/traces');
  });
});
