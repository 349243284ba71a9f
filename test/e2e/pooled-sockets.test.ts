/** Connections opened in one request and used by others: each callback has its own ids, the rest nobody's (A26, A29). */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { nodeVersions } from '../support/nodes.ts';
import type { SinkSpan } from '../support/otlp-sink.ts';
import { connect } from '../support/raw-http.ts';
import { preloadWays, runService, type Served } from '../support/service.ts';
import { requirePostgres } from '../support/services.ts';
import { appFolder } from '../support/tarball.ts';

const once = (...moments: string[]) => Object.fromEntries(moments.map((moment) => [moment, 1]));

/** By route: each moment of a request and how often it is there; `data` as often as the network brings pieces. */
const routes: Record<string, Record<string, number>> = {
  agent: once(
    'request socket',
    'request finish',
    'response callback',
    'end',
    'timer in end',
    'response close',
    'request close',
    'done',
  ),
  fetch: once('response', 'end', 'done'),
  undici: once('response', 'end', 'done'),
  'pg-callback': once(
    'pool query',
    'connect',
    'client query',
    'second client query',
    'immediate in query',
    'done',
  ),
  'pg-promise': once('pool query', 'connect', 'client query', 'failed query', 'done'),
};
const http = ['agent', 'fetch', 'undici'];

/** Three one after the other, then five at once. */
const inTurn = [1, 2, 3];
const atOnce = [4, 5, 6, 7, 8];
const idOf = (route: string, at: number) => `${route}.${at}`;
const idsOf = (route: string) => [...inTurn, ...atOnce].map((at) => idOf(route, at));

async function ask(port: number, route: string, at: number): Promise<void> {
  const wire = await connect(port);
  await wire.send(`GET /${route} HTTP/1.1\r\nHost: a\r\nX-Correlation-ID: ${idOf(route, at)}\r\n\r\n`);
  const text = await wire.read((received) => received.includes('\r\n\r\nok'));
  wire.socket.destroy();
  if (!text.includes('\r\n\r\nok')) throw new Error(`No answer for ${route}: ${text}`);
}

async function drive(port: number): Promise<void> {
  for (const route of Object.keys(routes)) {
    for (const at of inTurn) await ask(port, route, at);
    // fetch has no limit of connections; the others queue for the one there is.
    if (route === 'fetch') for (const at of atOnce) await ask(port, route, at);
    else await Promise.all(atOnce.map((at) => ask(port, route, at)));
  }
  await ask(port, 'pg-kill', 1);
  await sleep(50);
}

for (const node of nodeVersions()) {
  for (const [way, args] of preloadWays) {
    describe(`pooled sockets (Node ${node.name}, ${way})`, function () {
      this.timeout(90_000);
      let served: Served<void>;
      let seen: Record<string, Record<string, number>>;
      let sockets: Record<string, number>;
      let requestSpans: Map<string, SinkSpan>;
      let lines: Record<string, any>[];

      before(async function () {
        await requirePostgres(this);
        const folder = appFolder(['pg', 'undici'], join(import.meta.dirname, 'apps/pooled'));
        const env = { SONDE_IGNORE_PATHS: '/upstream' };
        served = await runService(args, { cwd: folder, node: node.path, env }, drive);
        ({ seen, sockets } = served.ended.lines.find((line) => line.seen) as any);
        lines = served.ended.lines.filter((line) => line.logger === 'pooled');
        requestSpans = new Map(
          served.sink
            .spans()
            .filter((span) => span.kind === 2)
            .map((span) => [String(span.attributes.correlation_id), span]),
        );
      });

      it('ends well, with every outgoing call of a client on one socket', () => {
        expect(served.ended).to.include({ code: 0, signal: null, stderr: '' });
        expect(sockets).to.deep.equal({ agent: 1, fetch: 1, undici: 1 });
        expect(requestSpans.size).to.equal(Object.keys(routes).length * 8 + 1);
      });

      for (const [route, moments] of Object.entries(routes)) {
        it(`runs each callback of ${route} with the ids of its own request (A26, A29)`, () => {
          for (const id of idsOf(route)) {
            const { data, ...rest } = seen[id]!;
            expect(rest).to.deep.equal(moments);
            if (http.includes(route)) expect(data).to.be.within(1, 2);
            const span = requestSpans.get(id);
            const own = lines.filter((line) => line.of === id);
            expect(own).to.have.length(Object.keys(moments).length + (data ?? 0));
            for (const line of own) {
              expect(line, `${line.message} of ${id}`).to.include({
                trace_id: span?.traceId,
                span_id: span?.spanId,
                correlation_id: id,
              });
            }
          }
        });

        it(`puts each client span of ${route} under its own request (A29)`, () => {
          const perRequest = http.includes(route) ? 1 : 3;
          for (const id of idsOf(route)) {
            const span = requestSpans.get(id);
            const own = served.sink.spans().filter((child) => child.parentSpanId === span?.spanId);
            expect(own, id).to.have.length(perRequest);
            for (const child of own) {
              expect(child).to.include({ kind: 3, traceId: span?.traceId });
              expect(child.attributes.correlation_id).to.equal(id);
            }
          }
        });
      }

      it('gives no id to what the server of a pool says by itself: notices, new connections, idle errors (A29)', () => {
        const own = lines.filter((line) => line.of === undefined);
        expect(own.filter((line) => line.message === 'notice')).to.have.length(16);
        expect(own.filter((line) => line.message === 'connected')).to.have.length(1);
        expect(own.filter((line) => line.message === 'idle error')).to.have.length(1);
        expect(own).to.have.length(18);
        for (const line of own) {
          expect(line, line.message).to.not.have.any.keys('trace_id', 'span_id', 'correlation_id');
        }
      });
    });
  }
}
