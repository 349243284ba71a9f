import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { load } from 'js-yaml';
import { readEnvironment } from '../../src/config/env-layer.ts';
import { type Ended, runNode } from '../support/child.ts';
import { type OtlpSink, startSink } from '../support/otlp-sink.ts';
import { freePort } from '../support/ports.ts';
import { appFolder } from '../support/tarball.ts';

const examples = join(import.meta.dirname, '../../examples');
const read = (file: string): string => readFileSync(join(examples, file), 'utf8');

async function statusOf(url: string): Promise<number | undefined> {
  return fetch(url, { headers: { connection: 'close' } }).then(
    ({ status }) => status,
    () => undefined,
  );
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error('it did not come to be so');
    await sleep(20);
  }
}

function complaints(env: Record<string, string>): string[] {
  return readEnvironment(env).complaints.map(({ message }) => message);
}

describe('deployments', function () {
  this.timeout(60_000);

  describe('on Kubernetes', () => {
    let sink: OtlpSink;
    before(async () => {
      sink = await startSink();
    });
    after(() => sink.close());

    const { template } = (load(read('kubernetes/deployment.yaml')) as any).spec;
    const [container] = template.spec.containers;
    const fields: Record<string, string> = {
      'status.hostIP': '127.0.0.1',
      'metadata.name': 'shop-1',
      'metadata.namespace': 'web',
    };
    const env: Record<string, string> = {};
    for (const { name, value, valueFrom } of container.env) {
      const given = value ?? fields[valueFrom.fieldRef?.fieldPath];
      if (given !== undefined)
        env[name] = given.replace(/\$\((\w+)\)/g, (_hole: string, other: string) => env[other]);
    }

    it('name only variables that Sonde knows, with values that it takes', () => {
      expect(complaints(env)).to.deep.equal([]);
      expect(env.OTEL_RESOURCE_ATTRIBUTES).to.include('k8s.pod.name=shop-1');
    });

    it('give the process the time that it needs, and write nowhere but to their volume', () => {
      const { delay, timeout } = /delay: .*\?\? (?<delay>[\d_]+)\), timeout: (?<timeout>[\d_]+)/.exec(
        read('kubernetes/server.mjs'),
      )!.groups!;
      const [wait, most] = [delay, timeout].map((text) => Number(text!.replace('_', '')) / 1000);
      const { seconds } = container.lifecycle.preStop.sleep;
      expect(template.spec.terminationGracePeriodSeconds).to.be.at.least(seconds + wait! + most! + 2);
      expect(container.securityContext).to.include({ readOnlyRootFilesystem: true });
      expect(container.volumeMounts.map(({ mountPath }: any) => mountPath)).to.include(env.SONDE_SPOOL_DIR);
    });

    it('answer their probes, are unready from the signal on, lose no record, and end of the signal', async () => {
      const folder = appFolder([], join(examples, 'kubernetes'));
      const [port, admin] = [await freePort(), await freePort()];
      let kill: (signal: NodeJS.Signals) => void = () => {};
      const own = { PORT: String(port), SONDE_ADMIN_PORT: String(admin), SONDE_ADMIN_HOST: '127.0.0.1' };
      const running: Promise<Ended> = runNode(container.command.slice(1), {
        cwd: folder,
        env: {
          ...env,
          ...own,
          SHUTDOWN_DELAY_MS: '500',
          SONDE_SPOOL_DIR: join(folder, 'spool'),
          OTEL_EXPORTER_OTLP_ENDPOINT: sink.httpUrl,
        },
        onStdout: (_text, end) => {
          kill = end;
        },
      });
      const probe = (name: string) => {
        const { path, port: named } = container[name].httpGet;
        expect(container.ports.find((each: any) => each.name === named).containerPort).to.equal(9465);
        return statusOf(`http://127.0.0.1:${admin}${path}`);
      };
      await until(async () => (await probe('startupProbe')) === 200);
      await until(async () => (await statusOf(`http://127.0.0.1:${port}/orders`)) === 200);
      expect(await probe('livenessProbe')).to.equal(200);
      expect(await probe('readinessProbe')).to.equal(200);
      kill('SIGTERM');
      await until(async () => (await probe('readinessProbe')) !== 200);
      const ended = await running;
      expect(ended).to.include({ code: null, signal: 'SIGTERM' });
      expect(ended.lines.filter(({ logger }) => logger === 'shop').map(({ message }) => message)).to.include(
        'order taken',
      );
      expect(sink.logs().map(({ body }) => body)).to.include('order taken');
      expect(sink.spans().map(({ name }) => name)).to.include('GET');
    });
  });

  describe('in a Docker image', () => {
    const lines = read('docker/Dockerfile').split('\n');
    const env = Object.fromEntries(
      lines.flatMap((line) => {
        const [, name, value] = /^ENV (\w+)=(?:"(.*)"|\S+)$/.exec(line) ?? [];
        return name === undefined ? [] : [[name, value ?? line.slice(line.indexOf('=') + 1)]];
      }),
    );

    it('is nobody of importance, and names only variables that Sonde knows', () => {
      expect(lines.filter((line) => line.startsWith('USER'))).to.deep.equal(['USER node']);
      expect(lines.indexOf('USER node')).to.be.below(lines.findIndex((line) => line.startsWith('CMD')));
      expect(complaints(env)).to.deep.equal([]);
    });

    it('serves by four workers, each an instance of its own, whose sum is one scrape (A68)', async () => {
      const folder = appFolder([], join(examples, 'docker'));
      const [port, scraped] = [await freePort(), await freePort()];
      const command = JSON.parse(lines.find((line) => line.startsWith('CMD'))!.slice(4));
      let kill: (signal: NodeJS.Signals) => void = () => {};
      const own = {
        PORT: String(port),
        OTEL_EXPORTER_PROMETHEUS_PORT: String(scraped),
        OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1',
      };
      const running = runNode(command.slice(1), {
        cwd: folder,
        env: { ...env, ...own, SONDE_OTLP: 'off', SONDE_LOG_RESOURCE: 'on' },
        onStdout: (_text, end) => {
          kill = end;
        },
      });
      const listening = (text: string) => text.split('"listening"').length - 1;
      await until(async () => (await statusOf(`http://127.0.0.1:${port}/orders`)) === 200);
      for (let i = 1; i < 20; i++) await statusOf(`http://127.0.0.1:${port}/orders`);
      const page = async () => (await fetch(`http://127.0.0.1:${scraped}/metrics`)).text();
      const taken = (text: string) =>
        [...text.matchAll(/^orders_taken_total\{?.*? (\d+)$/gm)].reduce(
          (sum, [, count]) => sum + Number(count),
          0,
        );
      await until(async () => taken(await page()) === 20);
      kill('SIGTERM');
      const ended = await running;
      expect(listening(ended.stdout)).to.equal(4);
      const instances = ended.lines
        .filter(({ message }) => message === 'listening')
        .map((line) => JSON.stringify(line).match(/"service\.instance\.id":"([^"]+)"/)?.[1]);
      expect(new Set(instances).size).to.equal(4);
    });
  });

  it('under pm2 give workers the time that they need', () => {
    const [app] = createRequire(import.meta.url)(
      join(appFolder([], join(examples, 'pm2')), 'ecosystem.config.cjs'),
    ).apps;
    const timeout = /timeout: ([\d_]+)/.exec(read('pm2/cluster-worker.mjs'))![1]!;
    expect(app.kill_timeout).to.be.at.least(Number(timeout.replace('_', '')) + 2_000);
    expect(complaints(app.env)).to.deep.equal([]);
  });
});
