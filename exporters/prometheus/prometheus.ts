/** The page at `/metrics`: on a port of its own, on the app's, and for all workers of a cluster. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type BoundedServer, startServer } from '../../src/bounded-server.ts';
import type { Config } from '../../src/config/config.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import type { Reader } from '../../src/metrics/collector.ts';
import type { MetricsPage } from '../../src/metrics/page.ts';
import { joinCluster, type Membership } from './cluster.ts';
import { Scrape } from './scrape.ts';

export interface PrometheusParts {
  readonly config: Config['metrics'];
  /** Of the meter provider. */
  readonly addReader: (reader: Reader) => void;
}

export interface PrometheusPage extends MetricsPage {
  /** Nothing where the configuration names no exporter `prometheus`, and in a worker that its primary serves. */
  readonly server: Promise<BoundedServer | undefined>;
}

/** Opens the page; with the exporter `prometheus` it has a port of its own (A57). */
export function openPage({ config, addReader }: PrometheusParts): PrometheusPage {
  const cluster = joinCluster(() => scrape);
  const scrape: Scrape = new Scrape(cluster.gather);
  addReader(scrape);
  let isClosed = false;
  const server = serverOf(config, scrape, cluster.isServedByPrimary, () => isClosed);
  return {
    server,
    serve: (request, response) => scrape.serve(request, response),
    close() {
      isClosed = true;
      void server.then((open) => open?.close());
      cluster.leave();
    },
  };
}

/** Of workers whose primary does not run Sonde (pm2's is a daemon of its own) one has the port, and the next when it is gone. */
async function serverOf(
  { exporters, prometheus }: Config['metrics'],
  scrape: Scrape,
  isServedByPrimary: Membership['isServedByPrimary'],
  isClosed: () => boolean,
): Promise<BoundedServer | undefined> {
  if (!exporters.includes('prometheus')) return undefined;
  // A process that is no worker listens at once.
  if (isServedByPrimary !== false && ((await isServedByPrimary) || isClosed())) return undefined;
  const { host, port } = prometheus;
  if (!isLoopback(host)) tellOfExposure(host, port);
  const server = startServer({
    ...{ host, port, what: 'Metrics are', path: '/metrics' },
    handle: (request, response) => route(scrape, request, response),
  });
  await server.ready;
  return server;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function tellOfExposure(host: string, port: number): void {
  const message = `Whoever reaches http://${host}:${port}/metrics can read the metrics of this process.`;
  diagnostics.warnOnce('metrics exposed', 'SONDE_ERR_EXPOSED', message);
}

function route(scrape: Scrape, request: IncomingMessage, response: ServerResponse): void {
  const path = (request.url ?? '/').split('?', 1)[0];
  if (path === '/metrics' || path === '/metrics/') void scrape.serve(request, response);
  else response.writeHead(404, { 'content-length': 0 }).end();
}
