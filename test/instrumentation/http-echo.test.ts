import http, { type RequestListener, type ServerResponse } from 'node:http';
import { expect } from 'chai';
import { httpServer } from '../../instrumentation/http-server.ts';
import { activeContext } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type Observed, type ObservedOptions, observe } from '../support/observed.ts';
import { headerLines, listen, type Running, rawRequest } from '../support/raw-http.ts';

describe('HTTP server echo of the correlation id (A27, A28)', () => {
  let observed: Observed;
  let running: Running;

  async function serve(listener: RequestListener | http.Server, options?: ObservedOptions): Promise<void> {
    observed = observe([httpServer()], options);
    running = await listen(listener);
  }

  afterEach(async () => {
    await running.close();
    await observed.stop();
  });

  const sent = 'GET / HTTP/1.1\r\nX-Correlation-ID: abc-1';

  /** Every way an app answers, without a word about correlation. */
  const plain: Record<string, (response: ServerResponse) => void> = {
    'end alone': (response) => response.end('x'),
    setHeader: (response) => response.setHeader('A', '1').end(),
    'setHeaders of a Map': (response) => response.setHeaders(new Map([['A', '1']])).end(),
    'setHeaders of Headers': (response) => response.setHeaders(new Headers({ A: '1' })).end(),
    'writeHead without headers': (response) => response.writeHead(201).end(),
    'writeHead with an object': (response) => response.writeHead(200, { A: '1' }).end(),
    'writeHead with a reason and an object': (response) => response.writeHead(200, 'Fine', { A: '1' }).end(),
    'writeHead with an array': (response) => response.writeHead(200, ['A', '1', 'B', '2']).end(),
    'writeHead with nested arrays': (response) => response.writeHead(200, [['A', '1']] as never).end(),
    'setHeader, then writeHead with an object': (response) =>
      response.setHeader('A', '1').writeHead(200, { B: '2' }).end(),
    'setHeader, then writeHead with an array': (response) =>
      response.setHeader('A', '1').writeHead(200, ['B', '2']).end(),
    flushHeaders: (response) => {
      response.flushHeaders();
      response.end('x');
    },
    'write in pieces': (response) => {
      response.write('x');
      response.end('y');
    },
    'a 204': (response) => response.writeHead(204).end(),
    'a 304': (response) => response.writeHead(304).end(),
  };
  for (const [name, answer] of Object.entries(plain)) {
    it(`is one header after ${name}`, async () => {
      await serve((_request, response) => answer(response));
      const text = await rawRequest(running.port, sent);
      expect(headerLines(text, 'x-correlation-id')).to.deep.equal(['X-Correlation-ID: abc-1']);
    });
  }

  /** Every way an app sets it itself. */
  const own: Record<string, (response: ServerResponse) => void> = {
    setHeader: (response) => response.setHeader('x-correlation-id', 'mine').end(),
    appendHeader: (response) => response.appendHeader('X-Correlation-Id', 'mine').end(),
    'setHeaders of a Map': (response) => response.setHeaders(new Map([['X-CORRELATION-ID', 'mine']])).end(),
    'writeHead with an object': (response) => response.writeHead(200, { 'X-Correlation-Id': 'mine' }).end(),
    'writeHead with an array': (response) => response.writeHead(200, ['x-correlation-ID', 'mine']).end(),
    'writeHead with nested arrays': (response) =>
      response.writeHead(200, [['x-correlation-id', 'mine']] as never).end(),
    'setHeader, then writeHead with an array': (response) =>
      response.setHeader('A', '1').writeHead(200, ['x-correlation-id', 'mine']).end(),
    flushHeaders: (response) => {
      response.setHeader('X-Correlation-ID', 'mine').flushHeaders();
      response.end();
    },
  };
  for (const [name, answer] of Object.entries(own)) {
    it(`never stands over the app's own, set by ${name}`, async () => {
      await serve((_request, response) => answer(response));
      const lines = headerLines(await rawRequest(running.port, sent), 'x-correlation-id');
      expect(lines).to.have.length(1);
      expect(lines[0]).to.match(/: mine$/);
    });
  }

  it('is one header from a server with uniqueHeaders', async () => {
    const server = http.createServer({ uniqueHeaders: ['X-Correlation-ID'] }, (_request, response) =>
      response.end(),
    );
    await serve(server);
    expect(headerLines(await rawRequest(running.port, sent), 'x-correlation-id')).to.have.length(1);
  });

  it('comes back under the name it came in, in the configured case', async () => {
    await serve((_request, response) => response.end());
    const text = await rawRequest(running.port, 'GET / HTTP/1.1\r\nx-request-id: r-1');
    expect(headerLines(text, 'x-request-id')).to.deep.equal(['X-Request-ID: r-1']);
    expect(headerLines(text, 'x-correlation-id')).to.deep.equal([]);
  });

  it('is the trace id under the first name when none was sent, and what the request is stamped with', async () => {
    let stamped: string | undefined;
    await serve((_request, response) => {
      stamped = stampOf(activeContext()).correlationId;
      response.end();
    });
    const text = await rawRequest(running.port, 'GET / HTTP/1.1');
    const [span] = await observed.ended(1);
    expect(stamped).to.equal(span!.spanContext().traceId);
    expect(headerLines(text, 'x-correlation-id')).to.deep.equal([`X-Correlation-ID: ${stamped}`]);
  });

  for (const bad of ['a'.repeat(10_000), 'a b', 'a"b', '<x>', '\x7f']) {
    it(`keeps no part of an invalid id (${JSON.stringify(bad.slice(0, 10))})`, async () => {
      await serve((_request, response) => response.end());
      const text = await rawRequest(running.port, `GET / HTTP/1.1\r\nX-Correlation-ID: ${bad}`);
      const lines = headerLines(text, 'x-correlation-id');
      expect(text).to.match(/^HTTP\/1\.1 (200|400)/);
      if (text.startsWith('HTTP/1.1 200')) expect(lines[0]).to.match(/^X-Correlation-ID: [0-9a-f]{32}$/);
    });
  }

  it('stays off 1xx', async () => {
    await serve((_request, response) => {
      response.writeProcessing();
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end();
    });
    const text = await rawRequest(running.port, sent);
    const heads = text.split('\r\n\r\n');
    expect(heads.map((head) => [head.slice(9, 12), /x-correlation-id/i.test(head)])).to.deep.equal([
      ['102', false],
      ['103', false],
      ['200', true],
      ['', false],
    ]);
  });

  it('stays silent when switched off', async () => {
    await serve((_request, response) => response.end(), { correlation: { echo: false } });
    expect(headerLines(await rawRequest(running.port, sent), 'x-correlation-id')).to.deep.equal([]);
  });
});
