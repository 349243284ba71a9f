/** A real Prometheus from the machine's packages, scraping one address every second. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Prometheus {
  /** The `data` of an answer of its API: `get('query', { query: 'up' })`. */
  get(path: string, parameters: Record<string, string>): Promise<any>;
  /** Asks until the answer is there; rejects after 20 s. */
  until(path: string, parameters: Record<string, string>, ready: (data: any) => boolean): Promise<any>;
  stop(): Promise<void>;
}

const configuration = (target: string) => `
global: { scrape_interval: 1s, scrape_timeout: 1s }
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ['${target}'] }]
`;

/** Debian's package \`prometheus\`, which \`.ci/run\` installs, must be on the path. */
export async function startPrometheus(target: string): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'sonde-prometheus-'));
  writeFileSync(join(folder, 'prometheus.yml'), configuration(target));
  const child = spawn('prometheus', [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    '--web.listen-address=127.0.0.1:0',
    '--enable-feature=exemplar-storage',
  ]);
  const port = await portOf(child);
  const get = async (path: string, parameters: Record<string, string>) => {
    const query = new URLSearchParams(parameters);
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}?${query}`, {
      headers: { connection: 'close' },
    });
    const { data } = (await response.json()) as { data: any };
    return data;
  };
  return {
    get,
    async until(path, parameters, ready) {
      const end = Date.now() + 20_000;
      for (;;) {
        const data = await get(path, parameters).catch(() => undefined);
        if (data !== undefined && ready(data)) return data;
        if (Date.now() > end) throw new Error(`Prometheus never said it: ${JSON.stringify(data)}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
    async stop() {
      child.kill('SIGKILL');
      await once(child, 'close');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.on('error', reject);
    child.on('close', () => reject(new Error(`Prometheus did not start: ${text}`)));
    child.stderr?.on('data', (chunk) => {
      text += chunk;
      const found = /msg="Listening on" address=127\.0\.0\.1:(\d+)/.exec(text)?.[1];
      if (found !== undefined) resolve(Number(found));
    });
  });
}
