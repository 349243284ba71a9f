import { once } from 'node:events';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { trace } from '@opentelemetry/api';
import { expect } from 'chai';
import { httpClient } from '../../instrumentation/http-client.ts';
import { httpServer } from '../../instrumentation/http-server.ts';
import { activeContext, runIn } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { type Observed, observe } from '../support/observed.ts';
import { connect, listen, type Running } from '../support/raw-http.ts';

/** The moments at which a request's ids were looked at, and the ids found. */
type Seen = Map<string, Set<string | undefined>>;

const readers = {
  events(request: IncomingMessage, see: (moment: string) => void, done: () => void): void {
    request.on('data', () => see('data'));
    request.on('close', () => see('request close'));
    request.on('error', () => see('request error'));
    request.on('end', () => {
      see('end');
      setTimeout(() => see('timer in end'), 1);
      queueMicrotask(() => see('microtask in end'));
      done();
    });
  },
  async pipeline(request: IncomingMessage, see: (moment: string) => void, done: () => void): Promise<void> {
    const sink = new Writable({
      write(_chunk, _encoding, next) {
        see('write of a pipeline');
        next();
      },
    });
    try {
      await pipeline(request, sink);
      see('after the pipeline');
      done();
    } catch {
      see('after a broken pipeline');
    }
  },
  async 'for await'(
    request: IncomingMessage,
    see: (moment: string) => void,
    done: () => void,
  ): Promise<void> {
    try {
      for await (const _chunk of request) see('chunk');
      see('after the last chunk');
      done();
    } catch {
      see('after a broken body');
    }
  },
};

const megabyte = Buffer.alloc(1_000_000, 'x');

/** A POST as it travels: the head with an id, and the packets of its body. */
const bodies: Record<string, (id: string) => (string | Buffer)[]> = {
  'in one packet': (id) => [`${post(id)}Content-Length: 4\r\n\r\nbody`],
  'in two packets 20 ms apart': (id) => [`${post(id)}Content-Length: 8\r\n\r\nbody`, 'body'],
  'of 1 MB': (id) => [Buffer.concat([Buffer.from(`${post(id)}Content-Length: 1000000\r\n\r\n`), megabyte])],
  chunked: (id) => [`${post(id)}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n`, '4\r\nbody\r\n0\r\n\r\n'],
};

function post(id: string): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: ${id}\r\n`;
}

describe('HTTP context', () => {
  let observed: Observed;
  let running: Running;
  let seen: Map<string, Seen>;

  afterEach(async () => {
    await running.close();
    await observed.stop();
  });

  /** Notes under the request's own id which id the context of each moment has. */
  function witness(request: IncomingMessage): (moment: string) => void {
    const id = request.headers['x-correlation-id'] as string;
    const moments: Seen = seen.get(id) ?? new Map();
    seen.set(id, moments);
    return (moment) => {
      const found = moments.get(moment) ?? new Set();
      moments.set(moment, found.add(stampOf(activeContext()).correlationId));
      const child = observed.provider.getTracer('child').startSpan(moment, {}, activeContext());
      child.setAttribute('of', id).end();
    };
  }

  async function serve(read: (typeof readers)[keyof typeof readers]): Promise<void> {
    seen = new Map();
    observed = observe([httpServer()]);
    running = await listen((request, response) => {
      const see = witness(request);
      see('request');
      for (const event of ['finish', 'close', 'prefinish'] as const) {
        response.on(event, () => {
          see(`response ${event}`);
          setImmediate(() => see(`immediate in response ${event}`));
        });
      }
      void read(request, see, () => void setTimeout(() => response.end('ok'), 1));
    });
  }

  function expectOwnIds(...moments: string[]): void {
    for (const [id, found] of seen) {
      for (const [moment, ids] of found) expect([...ids], `${moment} of ${id}`).to.deep.equal([id]);
      expect([...found.keys()]).to.include.members(moments);
    }
    const roots = new Map(
      observed.spans.filter((span) => span.name === 'POST').map((span) => [span.spanContext().spanId, span]),
    );
    for (const child of observed.spans.filter((span) => span.name !== 'POST')) {
      const parent = roots.get(child.parentSpanContext?.spanId as string);
      expect(parent?.spanContext().traceId, child.name).to.equal(child.spanContext().traceId);
    }
  }

  const atEnd = ['request', 'response finish', 'response close', 'immediate in response close'];

  for (const [reader, read] of Object.entries(readers)) {
    describe(`a body read by ${reader}`, () => {
      for (const [name, packets] of Object.entries(bodies)) {
        it(`and sent ${name} keeps its ids to the end, on a connection kept alive`, async () => {
          await serve(read);
          const wire = await connect(running.port);
          for (let turn = 1; turn <= 3; turn++) {
            await wire.send(...packets(`id-${turn}`));
            await wire.read((text) => text.split('\r\n\r\nok').length > turn);
          }
          await sleep(20);
          wire.socket.destroy();
          expect(seen).to.have.length(3);
          expectOwnIds(...atEnd);
        });
      }

      it('and cut by the client keeps its ids to the end', async () => {
        await serve(read);
        const wire = await connect(running.port);
        await wire.send(`${post('id-1')}Content-Length: 100\r\n\r\nbody`, 'more');
        await sleep(20);
        wire.socket.destroy();
        await observed.ended(1);
        await sleep(20);
        expectOwnIds('request', 'response close');
      });
    });
  }

  it('keeps 200 requests in parallel apart', async () => {
    await serve(readers.events);
    await Promise.all(
      Array.from({ length: 200 }, async (_, at) => {
        const wire = await connect(running.port);
        await wire.send(...bodies['in two packets 20 ms apart']!(`id-${at}`));
        await wire.read((text) => text.includes('ok'));
        wire.socket.destroy();
      }),
    );
    await sleep(50);
    expect(seen).to.have.length(200);
    expectOwnIds('data', 'end', 'timer in end', ...atEnd);
  });

  it('gives 50 pipelined requests a trace each', async () => {
    await serve(readers.events);
    const wire = await connect(running.port);
    const all = Array.from({ length: 50 }, (_, at) => bodies['in one packet']!(`id-${at}`)[0] as string);
    await wire.send(all.join(''));
    await wire.read((text) => text.split('\r\n\r\nok').length > 50);
    await sleep(20);
    wire.socket.destroy();
    expect(seen).to.have.length(50);
    expectOwnIds('data', 'end', 'timer in end', ...atEnd);
    const traces = observed.spans
      .filter((span) => span.name === 'POST')
      .map((span) => span.spanContext().traceId);
    expect(new Set(traces)).to.have.length(50);
  });

  it('keeps 1,000 interleaved requests on one connection apart (A29)', async () => {
    seen = new Map();
    observed = observe([httpServer()]);
    running = await listen(async (request, response) => {
      const see = witness(request);
      see('request');
      await sleep(Math.random() * 3);
      see('after a pause');
      response.on('finish', () => see('response finish'));
      response.end('ok');
    });
    const wire = await connect(running.port);
    for (let turn = 0; turn < 20; turn++) {
      const heads = Array.from({ length: 50 }, (_, at) => {
        return `GET / HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: id-${turn * 50 + at}\r\n\r\n`;
      });
      await wire.send(heads.join(''));
      await wire.read((text) => text.split('\r\n\r\nok').length > (turn + 1) * 50);
    }
    wire.socket.destroy();
    expect(seen).to.have.length(1000);
    for (const [id, found] of seen) for (const ids of found.values()) expect([...ids]).to.deep.equal([id]);
  });

  it('leaves nothing of a request in what the server emits for nobody', async () => {
    seen = new Map();
    observed = observe([httpServer()]);
    running = await listen((_request, response) => void response.end('ok'));
    const found: unknown[] = [];
    running.server.on('clientError', (_error, socket) => {
      found.push(stampOf(activeContext()).traceId);
      socket.destroy();
    });
    const wire = await connect(running.port);
    await wire.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await wire.read((text) => text.includes('ok'));
    await wire.send('no http at all\r\n\r\n');
    await wire.read(() => false);
    expect(found).to.deep.equal([undefined]);
  });

  it('runs the callbacks of a pooled outgoing socket in the context of each caller', async () => {
    seen = new Map();
    observed = observe([httpServer(), httpClient()], { ignorePaths: ['/upstream'] });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    const ask = (see: (moment: string) => void, port: number, response: ServerResponse): void => {
      const request = http.request({ port, agent, path: '/upstream', method: 'POST' }, (answer) => {
        see('response callback');
        answer.on('data', () => see('response data'));
        answer.on('close', () => see('response close'));
        answer.on('end', () => {
          see('response end');
          setImmediate(() => see('immediate in response end'));
          response.end('ok');
        });
      });
      request.on('socket', (socket) => {
        sockets.add(socket);
        see('socket');
      });
      for (const event of ['finish', 'close'] as const) request.on(event, () => see(`request ${event}`));
      request.end('body');
    };
    running = await listen((request, response) => {
      if (request.url === '/upstream') {
        request.resume();
        response.write('up');
        setTimeout(() => response.end('stream'), 5);
        return;
      }
      ask(witness(request), running.port, response);
    });
    for (const id of ['id-1', 'id-2', 'id-3']) {
      const wire = await connect(running.port);
      await wire.send(`GET / HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: ${id}\r\n\r\n`);
      await wire.read((text) => text.includes('ok'));
      wire.socket.destroy();
    }
    await sleep(20);
    agent.destroy();
    expect(sockets).to.have.length(1);
    const moments = [
      'response callback',
      'response data',
      'response end',
      'request finish',
      'request close',
      'socket',
    ];
    for (const [id, found] of seen) {
      for (const [moment, ids] of found) expect([...ids], `${moment} of ${id}`).to.deep.equal([id]);
      expect([...found.keys()]).to.include.members([
        ...moments,
        'immediate in response end',
        'response close',
      ]);
    }
  });

  it('runs the listeners of a client response in the context of the caller, not of the client span', async () => {
    observed = observe([httpClient()]);
    running = await listen((_request, response) => void response.end('ok'));
    const tracer = observed.provider.getTracer('app');
    const parent = tracer.startSpan('parent');
    const context = trace.setSpan(activeContext(), parent);
    const found: unknown[] = [];
    await runIn(context, async () => {
      const [response] = await once(http.get({ port: running.port }), 'response');
      await new Promise((done) => {
        response.on('end', () => {
          found.push(trace.getSpan(activeContext()));
          done(undefined);
        });
        response.resume();
      });
    });
    expect(found).to.deep.equal([parent]);
  });
});
