/** Client libraries over what is observed below them: the real ones, their redirects and their retries. */
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { SpanKind } from '@opentelemetry/api';
import axios from 'axios';
import { expect } from 'chai';
import got from 'got';
import * as undici from 'undici';
import { fetchClient } from '../../instrumentation/fetch.ts';
import { httpClient } from '../../instrumentation/http-client.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { withCorrelation } from '../../src/context/correlation.ts';
import { type Observed, observe } from '../support/observed.ts';
import { listen, type Running } from '../support/raw-http.ts';

describe('HTTP client libraries', () => {
  let observed: Observed;
  let running: Running;
  let received: { readonly path: string; readonly traceparent: string | undefined }[];
  let base: string;

  before(async () => {
    running = await listen((request, response) => {
      const { url: path = '', headers } = request;
      received.push({ path, traceparent: headers.traceparent as string | undefined });
      const times = received.filter((each) => each.path === path).length;
      if (path === '/moved') response.writeHead(302, { location: '/moved-again' }).end();
      else if (path === '/moved-again') response.writeHead(307, { location: '/here' }).end();
      else if (path === '/flaky' && times < 3) response.writeHead(503).end();
      else response.end('ok');
    });
    base = `http://127.0.0.1:${running.port}`;
  });
  after(() => running.close());

  beforeEach(() => {
    received = [];
    observed = observe([httpClient(), fetchClient()]);
  });
  afterEach(() => observed.stop());

  /** In a unit of work, as a request's handler would. */
  const inUnit = <T>(fn: () => T): T =>
    runIn(withCorrelation(rootContext, { id: 'abc-1', requestId: undefined, attributes: {} }), fn);

  async function sent(count: number) {
    const spans = await observed.ended(count);
    expect(spans).to.have.length(count);
    for (const [at, span] of spans.entries()) {
      const { traceId, spanId } = span.spanContext();
      expect(span.kind).to.equal(SpanKind.CLIENT);
      expect(received[at]?.traceparent).to.equal(`00-${traceId}-${spanId}-03`);
    }
    return spans.map(({ attributes }) => [
      new URL(String(attributes['url.full'])).pathname,
      attributes['http.response.status_code'],
      attributes['http.request.resend_count'],
    ]);
  }

  const redirected = [
    ['/moved', 302, undefined],
    ['/moved-again', 307, 1],
    ['/here', 200, 2],
  ];
  const gets: Record<string, (url: string) => Promise<string>> = {
    fetch: async (url) => (await fetch(url)).text(),
    got: (url) => got(url).text(),
    axios: async (url) => (await axios.get(url)).data,
    'undici fetch': async (url) => (await undici.fetch(url)).text(),
  };
  for (const [name, get] of Object.entries(gets)) {
    it(`${name}: one span a request, and redirects are counted`, async () => {
      expect(await inUnit(() => get(`${base}/moved`))).to.equal('ok');
      expect(await sent(3)).to.deep.equal(redirected);
    });

    it(`${name}: two requests for the same are no resend`, async () => {
      await inUnit(async () => {
        await get(`${base}/here`);
        await get(`${base}/here`);
      });
      expect(await sent(2)).to.deep.equal([
        ['/here', 200, undefined],
        ['/here', 200, undefined],
      ]);
    });
  }

  it('got: retries are counted', async () => {
    const retry = { limit: 2, backoffLimit: 1 };
    expect(await inUnit(() => got(`${base}/flaky`, { retry }).text())).to.equal('ok');
    expect(await sent(3)).to.deep.equal([
      ['/flaky', 503, undefined],
      ['/flaky', 503, 1],
      ['/flaky', 200, 2],
    ]);
  });

  it('undici RetryAgent: retries are counted', async () => {
    const dispatcher = new undici.RetryAgent(new undici.Agent(), { minTimeout: 1, maxRetries: 2 });
    const { body } = await inUnit(() => undici.request(`${base}/flaky`, { dispatcher }));
    expect(await body.text()).to.equal('ok');
    expect(await sent(3)).to.deep.equal([
      ['/flaky', 503, undefined],
      ['/flaky', 503, 1],
      ['/flaky', 200, 2],
    ]);
    await dispatcher.close();
  });

  it('undici: request, stream and pipeline are one span each', async () => {
    const dispatcher = new undici.Agent();
    await inUnit(async () => {
      const { body } = await undici.request(`${base}/request`, { dispatcher });
      expect(await body.text()).to.equal('ok');
      const chunks: string[] = [];
      const write = (chunk: Buffer, _encoding: string, done: () => void) => {
        chunks.push(String(chunk));
        done();
      };
      await undici.stream(`${base}/stream`, { dispatcher, method: 'GET' }, () => new Writable({ write }));
      const duplex = undici.pipeline(
        `${base}/pipeline`,
        { dispatcher, method: 'POST' },
        ({ body: answer }) => answer,
      );
      duplex.end('in');
      await pipeline(duplex, new Writable({ write }));
      expect(chunks).to.deep.equal(['ok', 'ok']);
    });
    expect(await sent(3)).to.deep.equal([
      ['/request', 200, undefined],
      ['/stream', 200, undefined],
      ['/pipeline', 200, undefined],
    ]);
    await dispatcher.close();
  });
});
