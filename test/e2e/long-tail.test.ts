/** Libraries that Sonde leaves to official instrumentations: enabled when the app loads the library, and not before. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { runNode } from '../support/child.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { appFolder } from '../support/tarball.ts';

const official = (name: string) => `@opentelemetry/instrumentation-${name}`;

interface Library {
  /** Of the library's, with what each is called: `DataLoader` of `dataloader`. */
  readonly imports: Readonly<Record<string, string>>;
  readonly use: string;
  /** Kind and name of each span that the official instrumentation makes. */
  readonly spans: readonly string[];
}

/** Real libraries, each used once under a span of the app's. */
const libraries: Readonly<Record<string, Library>> = {
  graphql: {
    imports: { graphql: '{ graphql, buildSchema }' },
    use: `const schema = buildSchema('type Query { hello(name: String): String }');
      await graphql({ schema, source: '{ hello(name: "secret") }', rootValue: { hello: () => 'world' } });`,
    spans: [
      '1 graphql.parse',
      '1 graphql.parseSchema',
      '1 graphql.resolve hello',
      '1 graphql.validate',
      '1 query',
    ],
  },
  dataloader: {
    imports: { dataloader: 'DataLoader' },
    use: 'await new DataLoader(async (keys) => keys, { name: "users" }).load(1);',
    spans: ['1 dataloader.batch users', '3 dataloader.load users'],
  },
  grpc: {
    imports: { '@grpc/grpc-js': 'grpc' },
    use: `const same = (bytes) => bytes;
      const method = { path: '/shop.Orders/Get', requestStream: false, responseStream: false, requestSerialize: same,
        requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
      const server = new grpc.Server();
      server.addService({ Get: method }, { Get: (call, done) => done(null, call.request) });
      const port = await new Promise((resolve, reject) => server.bindAsync('127.0.0.1:0',
        grpc.ServerCredentials.createInsecure(), (error, bound) => error ? reject(error) : resolve(bound)));
      const Client = grpc.makeGenericClientConstructor({ Get: method }, 'Orders');
      const client = new Client('127.0.0.1:' + port, grpc.credentials.createInsecure());
      await new Promise((resolve, reject) => client.Get(Buffer.from('x'), (error) => error ? reject(error) : resolve()));
      client.close();
      server.forceShutdown();`,
    spans: ['2 grpc.shop.Orders/Get', '3 grpc.shop.Orders/Get'],
  },
  'socket.io': {
    imports: { 'socket.io': '{ Server }', 'socket.io-client': '{ io }' },
    use: `const server = new Server(0, { transports: ['websocket'] });
      const heard = new Promise((resolve) => server.on('connection', (socket) => socket.on('order', resolve)));
      const client = io('http://127.0.0.1:' + server.httpServer.address().port, { transports: ['websocket'] });
      client.emit('order', 7);
      await heard;
      client.close();
      await server.close();`,
    spans: ['5 receive /', '5 receive /'],
  },
};

const loads = {
  cjs: (name: string, what: string) => `const ${what} = require('${name}');`,
  mjs: (name: string, what: string) => `import ${what} from '${name}';`,
};

function appOf({ imports, use }: Library, kind: 'cjs' | 'mjs', before = ''): string {
  const lines = Object.entries(imports).map(([name, what]) => loads[kind](name, what));
  return `${before}${loads[kind]('sonde', '{ withSpan }')}\n${lines.join('\n')}
    withSpan('work', async () => { ${use} });`;
}

describe('the long tail', function () {
  this.timeout(30_000);

  async function run(
    library: Library,
    kind: 'cjs' | 'mjs',
    { installed = true, before = '', env = {} }: { installed?: boolean; before?: string; env?: object } = {},
  ) {
    const packages = installed
      ? [...Object.keys(libraries).map(official), '@opentelemetry/instrumentation']
      : [];
    const folder = appFolder([...packages, ...Object.keys(library.imports)]);
    writeFileSync(join(folder, `app.${kind}`), appOf(library, kind, before));
    const sink = await startSink();
    const ended = await runNode(['--require', 'sonde/register', `app.${kind}`], {
      cwd: folder,
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, ...env },
    });
    await sink.close();
    expect(ended.code, ended.stderr).to.equal(0);
    expect(ended.stderr).to.equal('');
    return { ended, sink };
  }

  function told(sink: OtlpSink): string[] {
    const spans = sink.spans().filter(({ scope }) => scope.startsWith('@opentelemetry/'));
    return spans.map(({ kind, name }) => `${kind} ${name}`).sort();
  }

  for (const [name, library] of Object.entries(libraries)) {
    for (const kind of ['cjs', 'mjs'] as const) {
      it(`observes ${name} (${kind}) by the official package that the app has`, async () => {
        const { sink } = await run(library, kind);
        expect(told(sink)).to.deep.equal(library.spans);
        const work = sink.spans().find((span) => span.name === 'work')!;
        const traces = sink.spans().map(({ traceId }) => traceId);
        if (name !== 'socket.io') expect(new Set(traces)).to.deep.equal(new Set([work.traceId]));
      });
    }
  }

  const { graphql } = libraries as { graphql: Library };

  it('tells in stable names what an official instrumentation still tells in old ones', async () => {
    const { sink } = await run(libraries['socket.io'] as Library, 'cjs');
    const events = sink.spans().filter(({ kind }) => kind === 5);
    expect(events.map(({ attributes }) => attributes['messaging.destination.name'])).to.deep.equal([
      '/',
      '/',
    ]);
    for (const { attributes } of events) expect(attributes).to.not.have.property('messaging.destination');
  });

  it('reads no official package for an app that loads no such library, or has none', async () => {
    const loaded = `process.once('exit', () => console.log(JSON.stringify({ loaded:
      Object.keys(require.cache).filter((path) => path.includes('instrumentation')) })));`;
    const idle = { ...graphql, imports: {}, use: '' };
    const { ended } = await run(idle, 'cjs', { before: loaded });
    expect(ended.lines.find((line) => line.loaded)?.loaded).to.deep.equal([]);
    const { sink } = await run(graphql, 'cjs', { installed: false });
    expect(sink.spans().map(({ name }) => name)).to.deep.equal(['work']);
  });

  it('leaves out what OTEL_NODE_DISABLED_INSTRUMENTATIONS names', async () => {
    const { sink } = await run(graphql, 'cjs', { env: { OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'graphql' } });
    expect(told(sink)).to.deep.equal([]);
  });

  it('hands on the options that are given for it', async () => {
    const options = JSON.stringify({ graphql: { ignoreResolveSpans: true } });
    const { sink } = await run(graphql, 'mjs', { env: { SONDE_INSTRUMENTATIONS__OPTIONS: options } });
    expect(told(sink)).to.deep.equal(graphql.spans.filter((name) => !name.includes('resolve')));
  });

  for (const kind of ['cjs', 'mjs'] as const) {
    // An ES module has loaded graphql before its own first line.
    it(`observes once where the app enables the same one by itself, with the app's options (${kind})`, async () => {
      const before = `${loads[kind](official('graphql'), '{ GraphQLInstrumentation }')}
        ${loads[kind]('@opentelemetry/instrumentation', '{ registerInstrumentations }')}
        registerInstrumentations({ instrumentations: [new GraphQLInstrumentation({ ignoreResolveSpans: true })] });`;
      const { sink } = await run(graphql, kind, { before });
      const expected = graphql.spans.filter((name) => !name.includes('resolve'));
      expect(told(sink)).to.deep.equal(expected);
    });
  }

  it('says under SONDE_DEBUG which ones are there, and which one a library has woken', async () => {
    const { ended } = await run(graphql, 'cjs', { env: { SONDE_DEBUG: '1' } });
    const says = ended.lines.map(({ message }) => String(message));
    const report = says.filter((text) => text.includes('On demand: '));
    expect(report).to.have.length(1);
    expect(report[0]).to.match(/On demand: graphql, grpc, .*\bdataloader\b.*socket\.io/);
    const woken = says.filter((text) => text.startsWith('graphql is observed by @opentelemetry/'));
    expect(woken).to.have.length(1);
  });
});
