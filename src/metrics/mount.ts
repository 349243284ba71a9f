/** The page with all metrics on the app's own HTTP server. */
import type { Server } from 'node:http';
import { diagnostics } from '../diagnostics.ts';
import { isMountable, mountPath } from '../mounted-paths.ts';
import { metricsPage } from './page.ts';

export interface MountOptions {
  /** `/metrics` where nothing is said. */
  readonly path?: string;
}

/** The page with all metrics. */
export interface Metrics {
  /**
   * Serves the page on the app's own HTTP server, in front of whatever framework runs there: Prometheus text and
   * OpenMetrics with exemplars, and `?format=json`. With `node:cluster` mount it in the primary. Gives back a function that
   * takes it off again. Whoever reaches the server can read the page. (A57, A59)
   * @example metrics.mount(app.listen(3000));
   */
  mount(server: Server, options?: MountOptions): () => void;
}

export const metrics: Metrics = {
  mount(server, options) {
    if (!isMountable(server)) {
      diagnostics.debug('metrics.mount() was called without a server to mount on.');
      return () => undefined;
    }
    // Opened at once: what is measured before somebody looks is on it.
    metricsPage();
    return mountPath(server, options?.path ?? '/metrics', (request, response) => {
      const page = metricsPage();
      if (page === undefined) return false;
      void page.serve(request, response);
      return true;
    });
  },
};
