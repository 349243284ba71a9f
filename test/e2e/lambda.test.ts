/**
 * AWS Lambda against a stub of its runtime API that freezes the process between two calls (SIGSTOP) and kills it at a
 * deadline; the runtime is a small one of our own.
 */
import { expect } from 'chai';
import { type Answer, arn, type LambdaFunction, lambdaFunction } from '../support/lambda-api.ts';
import { nodeVersions } from '../support/nodes.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';

/** No timer of Sonde's comes to anything within a test. */
const noTimers = {
  OTEL_BSP_SCHEDULE_DELAY: '600000',
  OTEL_BLRP_SCHEDULE_DELAY: '600000',
  OTEL_METRIC_EXPORT_INTERVAL: '600000',
  OTEL_NODE_DISABLED_INSTRUMENTATIONS: 'runtime',
};

describe('AWS Lambda (stub of the runtime API, runtime of our own)', () => {
  let sink: OtlpSink;
  let lambda: LambdaFunction | undefined;

  beforeEach(async () => {
    sink = await startSink();
  });
  afterEach(async () => {
    await lambda?.stop();
    lambda = undefined;
    await sink.close();
  });

  async function start(
    handler: string,
    more: Record<string, string> = {},
    node?: string,
  ): Promise<LambdaFunction> {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl, ...noTimers, ...more };
    lambda = await lambdaFunction(handler, env, node);
    return lambda;
  }

  const orders = () => sink.logs().filter(({ scope }) => scope === 'shop');
  const calls = () => sink.spans().filter(({ kind }) => kind === 2);

  /** Whatever the runtime has been told came after everything that was delivered. */
  function expectDelivered({ at }: Answer): void {
    expect(sink.requests.filter((request) => request.accepted && request.at > at)).to.deep.equal([]);
  }

  for (const [style, handler, body] of [
    ['an async handler in CommonJS', 'async.handler', '{"number":1}'],
    ['a CommonJS handler that a bundler has sealed', 'sealed.handler', '{"number":1}'],
    ['an async handler in an ES module', 'module.handler', '{"number":1}'],
    ['a handler below a default export', 'module.nested.handler', '{"number":1}'],
    ['a handler with a callback', 'callback.handler', '{"number":1}'],
    ['a streaming handler', 'streaming.handler', 'number 1'],
    ['a handler that wraps itself', 'in-code.handler', '{"number":1}'],
  ] as const) {
    it(`delivers before it answers: ${style}`, async () => {
      const fn = await start(handler);
      const answer = await fn.invoke({ number: 1 }, 'request-one');
      expect(answer, fn.output()).to.include({ kind: 'response', body });
      // A stream that has ended is not held back.
      if (style !== 'a streaming handler') expectDelivered(answer);
      expect(orders().map((log) => log.attributes)).to.deep.equal([
        { number: 1, aws_request_id: 'request-one', correlation_id: 'request-one' },
      ]);
      expect(calls()).to.have.length(1);
      expect(calls()[0]?.traceId).to.equal(orders()[0]?.traceId);
    });
  }

  it('delivers all three signals of each call, frozen between them, and says what each was', async () => {
    const fn = await start('async.handler');
    for (const number of [1, 2, 3]) {
      const answer = await fn.invoke({ number }, `request-${number}`);
      expectDelivered(answer);
      expect(orders(), fn.output()).to.have.length(number);
      expect(calls()).to.have.length(number);
      expect(sink.spans().filter(({ name }) => name === 'charge')).to.have.length(number);
      const counted = sink.metrics().filter(({ name }) => name === 'orders');
      expect(counted.at(-1)?.points[0]?.value).to.equal(number);
    }
    const [first, second] = calls();
    expect(first?.name).to.equal('shop-orders');
    expect(first?.attributes).to.deep.equal({
      'faas.trigger': 'other',
      'faas.coldstart': true,
      'faas.invocation.id': 'request-1',
      'aws.lambda.invoked_arn': `${arn}:live`,
      'cloud.resource_id': arn,
      'cloud.account.id': '123456789012',
      aws_request_id: 'request-1',
      correlation_id: 'request-1',
    });
    expect(second?.attributes).to.include({ 'faas.coldstart': false, correlation_id: 'request-2' });
    expect(first?.resource).to.include({
      'service.name': 'shop-orders',
      'cloud.provider': 'aws',
      'cloud.platform': 'aws_lambda',
      'cloud.region': 'eu-central-1',
      'faas.name': 'shop-orders',
      'faas.version': '7',
      'faas.instance': '2026/01/21/[7]abc',
      'faas.max_memory': 134_217_728,
    });
    // The runtime's own requests are nobody's work.
    expect(sink.spans().filter(({ kind }) => kind === 3)).to.deep.equal([]);
  });

  it("continues the trace and the correlation id of API Gateway's request, and tells its status", async () => {
    const fn = await start('module.handler');
    await fn.invoke(
      {
        number: 1,
        headers: {
          'X-Correlation-ID': 'order-1042',
          Traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        },
        requestContext: { http: { method: 'POST' } },
        rawPath: '/orders/7',
        routeKey: 'POST /orders/{id}',
      },
      'request-one',
    );
    const [call] = calls();
    expect(call).to.include({
      traceId: '0af7651916cd43dd8448eb211c80319c',
      parentSpanId: 'b7ad6b7169203331',
    });
    expect(call?.attributes).to.include({
      'faas.trigger': 'http',
      'http.request.method': 'POST',
      'http.route': '/orders/{id}',
      'url.path': '/orders/7',
      correlation_id: 'order-1042',
      aws_request_id: 'request-one',
    });
    expect(orders()[0]?.attributes).to.include({
      correlation_id: 'order-1042',
      aws_request_id: 'request-one',
    });
  });

  it("leaves an error the runtime's, and delivers it", async () => {
    const fn = await start('callback.handler');
    const answer = await fn.invoke({ number: 1, fail: true }, 'request-one');
    expect(answer).to.include({
      kind: 'error',
      body: '{"errorType":"TypeError","errorMessage":"no such order"}',
    });
    expectDelivered(answer);
    expect(calls()[0]?.status).to.deep.equal({ code: 2, message: 'no such order' });
    const [told] = sink.logs().filter(({ scope }) => scope === 'sonde.faas');
    expect(told?.severityText).to.equal('ERROR');
    expect(told?.attributes).to.include({ 'exception.type': 'TypeError', aws_request_id: 'request-one' });
  });

  it('tells of spans that are open shortly before the deadline, marked and without secrets', async () => {
    const fn = await start('endless.handler');
    const told = sink.until(() => sink.spans().length >= 2);
    const answer = await fn.invoke({}, 'request-one', 1000, told);
    expect(answer.kind).to.equal('killed');
    const open = sink.spans();
    expect(open.map(({ name }) => name)).to.have.members(['shop-orders', 'wait for the bank']);
    for (const { attributes } of open) expect(attributes).to.include({ 'sonde.unfinished': true });
    expect(
      JSON.stringify(
        open.map(({ attributes }) => attributes),
        (_, value) => (typeof value === 'bigint' ? Number(value) : value),
      ),
    ).to.not.match(/hunter2|secret-4711/);
  });

  it('answers though nobody takes its telemetry, and delivers with a later call', async () => {
    sink.failAlways({ connection: 'hang' });
    const fn = await start('async.handler', { OTEL_EXPORTER_OTLP_TIMEOUT: '700' });
    const answer = await fn.invoke({ number: 1 }, 'request-1', 1000);
    expect(answer, fn.output()).to.include({ kind: 'response', body: '{"number":1}' });
    expect(orders()).to.deep.equal([]);
    sink.failAlways(undefined);
    const ids = () => orders().map(({ attributes }) => attributes.aws_request_id);
    // What is still waiting for the answer that never comes goes out with the call after that.
    for (let number = 2; number < 8 && !ids().includes('request-1'); number++)
      await fn.invoke({ number }, `request-${number}`);
    expect(ids()).to.include.members(['request-1', 'request-2']);
  });

  for (const { name, path } of nodeVersions()) {
    it(`finds both kinds of modules on Node ${name}`, async () => {
      const fn = await start('sealed.handler', {}, path);
      await fn.invoke({ number: 1 }, 'request-one');
      expect(calls(), fn.output()).to.have.length(1);
      await fn.stop();
      const esm = await start('module.handler', {}, path);
      await esm.invoke({ number: 1 }, 'request-two');
      // Load hooks are not safe there; the line says what to do.
      const isOld = name === '22.15';
      expect(calls(), esm.output()).to.have.length(isOld ? 1 : 2);
      if (isOld) expect(esm.output()).to.match(/wrapHandler\(\).*SONDE_ERR_NODE_HOOKS/);
    });
  }
});
