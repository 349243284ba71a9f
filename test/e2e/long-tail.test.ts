/** Libraries that Sonde leaves to official instrumentations: enabled when the app loads the library, and not before. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
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
  /** Given to the official instrumentation. */
  readonly options?: object;
  /** What one of them says, in stable names. */
  readonly says?: Readonly<Record<string, unknown>>;
  /** Where it is another module that is imported, and none that the official instrumentation knows. */
  readonly kinds?: readonly ('cjs' | 'mjs')[];
}

/** An HTTP server of the app's own that gives one answer to everything. */
const stub = (answer: object, type = 'application/json') => `
  const stub = createServer((request, response) => {
    response.setHeader('content-type', '${type}').setHeader('x-elastic-product', 'Elasticsearch');
    request.resume().on('end', () => response.end('${JSON.stringify(answer)}'));
  });
  await new Promise((resolve) => stub.listen(0, '127.0.0.1', resolve));
  const url = 'http://127.0.0.1:' + stub.address().port;
  const stop = () => { stub.close(); stub.closeAllConnections(); };`;

const completion = {
  ...{ id: 'c1', object: 'chat.completion', created: 1, model: 'small-1' },
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 's3cret' } }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
};

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
  'generic-pool': {
    imports: { 'generic-pool': 'pools' },
    use: `const pool = pools.createPool({ create: async () => ({}), destroy: async () => {} });
      await pool.release(await pool.acquire());
      await pool.drain();`,
    spans: ['1 generic-pool.acquire'],
  },
  // It makes no spans; its context is a test of its own.
  'lru-memoizer': { imports: { 'lru-memoizer': 'memoizer' }, use: '', spans: [], kinds: [] },
  hapi: {
    imports: { '@hapi/hapi': 'hapi' },
    use: `const server = hapi.server({ host: '127.0.0.1', port: 0 });
      server.route({ method: 'GET', path: '/orders/{id}', handler: () => 'ok' });
      await server.inject('/orders/7?token=s3cret');`,
    spans: ['1 route - /orders/{id}'],
    says: { 'http.route': '/orders/{id}' },
  },
  restify: {
    imports: { restify: 'restify' },
    use: `const server = restify.createServer();
      server.get('/orders/:id', async (request, response) => { response.send('ok'); });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      await (await fetch('http://127.0.0.1:' + server.address().port + '/orders/7?token=s3cret')).text();
      server.close();`,
    spans: ['1 request handler - /orders/:id'],
  },
  memcached: {
    imports: { memcached: 'Memcached', 'node:net': '{ createServer }' },
    use: `const stub = createServer((socket) => socket.on('data', () => socket.write('END\\r\\n')));
      await new Promise((resolve) => stub.listen(0, '127.0.0.1', resolve));
      const client = new Memcached('127.0.0.1:' + stub.address().port);
      await new Promise((resolve) => client.get('order:7', resolve));
      client.end();
      stub.close();`,
    spans: ['3 memcached get'],
    says: { 'db.system.name': 'memcached', 'db.operation.name': 'get', 'server.address': '127.0.0.1' },
  },
  // Nobody is there to answer: the call that fails is told.
  'cassandra-driver': {
    imports: { 'cassandra-driver': '{ Client }' },
    use: `const client = new Client({ contactPoints: ['127.0.0.1:1'], localDataCenter: 'dc1', keyspace: 'shop' });
      await client.execute("SELECT * FROM orders WHERE name = 's3cret'").catch(() => {});
      await client.shutdown();`,
    spans: ['3 cassandra-driver.execute'],
    options: { enhancedDatabaseReporting: true },
    says: {
      'db.system.name': 'cassandra',
      'db.namespace': 'shop',
      'db.query.text': 'SELECT * FROM orders WHERE name = ?',
    },
  },
  oracledb: {
    imports: { oracledb: 'oracledb' },
    use: `await oracledb.getConnection({ user: 'shop', password: 's3cret', connectString: '127.0.0.1:1/shop' }).catch(() => {});`,
    spans: ['3 oracledb.getConnection'],
    says: { 'db.system.name': 'oracle.db' },
  },
  openai: {
    imports: { openai: '{ OpenAI }', 'node:http': '{ createServer }' },
    use: `${stub(completion)}
      const client = new OpenAI({ apiKey: 's3cret', baseURL: url });
      await client.chat.completions.create({ model: 'small-1', messages: [{ role: 'user', content: 's3cret' }] });
      stop();`,
    spans: ['3 chat small-1'],
    says: { 'gen_ai.request.model': 'small-1', 'gen_ai.usage.input_tokens': 3 },
    kinds: ['cjs'],
  },
  'aws-sdk': {
    imports: {
      '@aws-sdk/client-dynamodb': '{ DynamoDBClient, GetItemCommand }',
      'node:http': '{ createServer }',
    },
    use: `${stub({}, 'application/x-amz-json-1.0')}
      const credentials = { accessKeyId: 'a', secretAccessKey: 's3cret' };
      const client = new DynamoDBClient({ endpoint: url, region: 'eu-west-1', credentials });
      await client.send(new GetItemCommand({ TableName: 'orders', Key: { id: { S: 's3cret' } } }));
      client.destroy();
      stop();`,
    spans: ['3 DynamoDB.GetItem'],
    says: { 'db.system.name': 'aws.dynamodb', 'rpc.method': 'GetItem' },
  },
};

const loads = {
  cjs: (name: string, what: string) => `const ${what} = require('${name}');`,
  mjs: (name: string, what: string) => `import ${what} from '${name}';`,
};

function appOf({ imports, use }: Library, kind: 'cjs' | 'mjs', before = ''): string {
  const lines = Object.entries(imports).map(([name, what]) => loads[kind](name, what));
  return `${before}${loads[kind]('sonde', '{ getLogger, withSpan }')}\n${lines.join('\n')}
    withSpan('work', async () => { ${use} });`;
}

describe('the long tail', function () {
  this.timeout(30_000);

  async function run(
    library: Library,
    kind: 'cjs' | 'mjs',
    {
      installed = true,
      before = '',
      env = {},
      complains = /^$/,
    }: {
      installed?: boolean;
      before?: string;
      env?: object;
      complains?: RegExp;
    } = {},
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
    expect(ended.stderr).to.match(complains);
    return { ended, sink };
  }

  function told(sink: OtlpSink): string[] {
    const spans = sink.spans().filter(({ scope }) => scope.startsWith('@opentelemetry/'));
    return spans.map(({ kind, name }) => `${kind} ${name}`).sort();
  }

  for (const [name, library] of Object.entries(libraries)) {
    for (const kind of library.kinds ?? (['cjs', 'mjs'] as const)) {
      it(`observes ${name} (${kind}) by the official package that the app has`, async () => {
        const options = JSON.stringify({ [name]: library.options ?? {} });
        const { sink } = await run(library, kind, { env: { SONDE_INSTRUMENTATIONS__OPTIONS: options } });
        expect(told(sink)).to.deep.equal(library.spans);
        const all = sink
          .spans()
          .map(({ name, attributes, status, events }) => ({ name, attributes, status, events }));
        const theirs = all.find(({ name }) => library.spans.some((span) => span.endsWith(` ${name}`)));
        expect(theirs?.attributes).to.deep.include(library.says ?? {});
        expect(inspect(all, { depth: 9 })).to.not.include('s3cret');
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

  for (const kind of ['cjs', 'mjs'] as const) {
    it(`has the spans that @elastic/elasticsearch makes by itself, and needs no package (${kind})`, async () => {
      const imports = { '@elastic/elasticsearch': '{ Client }', 'node:http': '{ createServer }' };
      const use = `${stub({ hits: { hits: [] } })}
        const client = new Client({ node: url });
        await client.search({ index: 'orders', query: { match: { name: 's3cret' } } });
        await client.close();
        stop();`;
      const { sink } = await run({ imports, use, spans: [] }, kind, { installed: false });
      const work = sink.spans().find((span) => span.name === 'work');
      const search = sink.spans().find(({ scope }) => scope === '@elastic/transport');
      expect(search).to.include({ name: 'search', kind: 3, parentSpanId: work?.spanId });
      expect(search?.attributes).to.include({
        'db.operation.name': 'search',
        'db.collection.name': 'orders',
      });
      expect(
        inspect(
          sink.spans().map(({ attributes }) => attributes),
          { depth: 9 },
        ),
      ).to.not.include('s3cret');
      const client = sink.spans().filter((span) => span.parentSpanId === search?.spanId);
      expect(client.map(({ name }) => name)).to.deep.equal(['POST']);
    });
  }

  it('has the metrics of an official package, too', async () => {
    const { sink } = await run(libraries.openai as Library, 'cjs');
    const names = sink.metrics().map(({ name }) => name);
    expect(names).to.include('gen_ai.client.operation.duration').and.to.include('gen_ai.client.token.usage');
  });

  for (const kind of ['cjs', 'mjs'] as const) {
    it(`keeps the context of each who waits for one load of lru-memoizer (${kind})`, async () => {
      const use = `const { promise, resolve } = Promise.withResolvers();
      const load = memoizer({ load: (id, done) => void promise.then(() => done(null, id)), hash: (id) => id, max: 2 });
      const ask = (name) => withSpan(name, () => new Promise((done) => load('a', () => {
        getLogger('app').info(name);
        done();
      })));
      const asked = Promise.all([ask('first'), ask('second')]);
      resolve();
      await asked;`;
      const { ended, sink } = await run({ ...libraries['lru-memoizer'], use } as Library, kind);
      for (const wanted of ['first', 'second']) {
        const line = ended.lines.find(({ message }) => message === wanted);
        expect(line?.span_id).to.equal(sink.spans().find(({ name }) => name === wanted)?.spanId);
      }
    });
  }

  it('tells once, and not as a defect of its own, what OpenTelemetry has to say of such a package', async () => {
    const use = `const server = restify.createServer();
      server.get('/orders/:id', (request, response, next) => { response.send('ok'); next(); });
      await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
      for (let at = 0; at < 3; at++)
        await (await fetch('http://127.0.0.1:' + server.address().port + '/orders/7')).text();
      server.close();`;
    // It ends the span of a handler that calls `next` twice.
    const { ended } = await run({ ...libraries.restify, use } as Library, 'cjs', {
      complains: /call end\(\)/,
    });
    const said = ended.stderr.trim().split('\n');
    expect(said).to.have.length(1);
    expect(JSON.parse(said[0]!).code).to.equal('SONDE_ERR_OTEL');
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
