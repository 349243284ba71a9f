/** `examples/pm2` under pm2 itself: its daemon is the primary of the workers, and runs no Sonde. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { cleanEnvironment } from '../support/child.ts';
import { freePort } from '../support/ports.ts';
import { appFolder } from '../support/tarball.ts';

const root = join(import.meta.dirname, '../..');
const command = join(root, 'node_modules/pm2/bin/pm2');
const run = promisify(execFile);

const leaving = `
const { getLogger } = require('sonde');
for (let i = 1; i <= 50; i++) getLogger('shop').info('line ' + i);
process.exit(0);
`;

describe('pm2 in cluster mode', function () {
  this.timeout(120_000);
  let folder: string;
  let env: Record<string, string>;
  let port: number;
  let scraped: number;
  let admin: number;

  const pm2 = async (...args: string[]): Promise<string> =>
    (await run(process.execPath, [command, ...args], { cwd: folder, env })).stdout;
  const logs = (name: string): string[] =>
    readdirSync(join(folder, 'home/logs'))
      .filter((file) => file.startsWith(name))
      .map((file) => readFileSync(join(folder, 'home/logs', file), 'utf8'));
  const close = { headers: { connection: 'close' } };

  async function taken(): Promise<number> {
    const page = await fetch(`http://127.0.0.1:${scraped}/metrics`, close).then(
      (response) => response.text(),
      () => '',
    );
    return [...page.matchAll(/^orders_taken_total\{.*\} (\d+)$/gm)].reduce(
      (all, [, n]) => all + Number(n),
      0,
    );
  }

  /** Fails with what was there last. */
  async function until<T>(ask: () => T | Promise<T>, wanted: T): Promise<void> {
    const end = performance.now() + 30_000;
    let answer = await ask();
    while (answer !== wanted && performance.now() < end) {
      await sleep(50);
      answer = await ask();
    }
    expect(answer).to.equal(wanted);
  }

  async function order(times: number): Promise<void> {
    for (let i = 0; i < times; i++) await (await fetch(`http://127.0.0.1:${port}/orders`, close)).text();
  }

  async function pids(): Promise<number[]> {
    return (await pm2('pid', 'shop')).trim().split(/\s+/).map(Number);
  }

  before(async () => {
    folder = appFolder([], join(root, 'examples/pm2'));
    [port, scraped, admin] = [await freePort(), await freePort(), await freePort()];
    env = cleanEnvironment({
      PM2_HOME: join(folder, 'home'),
      TMPDIR: folder,
      PM2_DISABLE_VERSION_CHECK: 'true',
      PORT: String(port),
      OTEL_EXPORTER_PROMETHEUS_PORT: String(scraped),
      SONDE_ADMIN_PORT: String(admin),
      SONDE_LOG_RESOURCE: 'on',
      SONDE_OTLP: 'off',
    });
    await pm2('start', 'ecosystem.config.cjs');
  });
  after(() => pm2('kill'));

  it('gives one scrape the sum of the workers, over restarts, reloads and a kill (A57, A68)', async () => {
    await until(
      () =>
        fetch(`http://127.0.0.1:${port}/`, close).then(
          ({ ok }) => ok,
          () => false,
        ),
      true,
    );
    await order(19);
    await until(taken, 20);
    const before = await pids();
    await pm2('restart', '0');
    await order(5);
    await until(taken, 25);
    await pm2('reload', 'shop');
    await order(5);
    await until(taken, 30);
    const [first, ...others] = await pids();
    expect([first, ...others].filter((pid) => before.includes(pid!))).to.deep.equal([]);
    process.kill(first!, 'SIGKILL');
    await until(async () => (await pids()).filter((pid) => pid > 0 && pid !== first).length, 4);
    await order(5);
    await until(taken, 35);
  });

  it('has one admin port at a time, whichever worker ends, and none complains', async () => {
    const isReady = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${admin}/readyz`, close).then(
        ({ ok }) => ok,
        () => false,
      );
    for (const pid of await pids()) {
      await until(isReady, true);
      process.kill(pid, 'SIGKILL');
    }
    await until(isReady, true);
    expect(logs('shop-error')).to.deep.equal(['', '', '', '']);
  });

  it("gives each worker the settings of the ecosystem file, an instance, and the app's own log (A68)", () => {
    const lines = logs('shop-out').flatMap((text) => text.trim().split('\n'));
    const listening = lines.map((line) => JSON.parse(line)).filter(({ message }) => message === 'listening');
    const instances = new Set(
      listening.map((line) => JSON.stringify(line).match(/"service\.instance\.id":"([^"]+)"/)?.[1]),
    );
    expect(instances.size).to.equal(listening.length).and.to.be.at.least(9);
    expect(JSON.stringify(listening[0])).to.contain('"service.name":"shop"');
    expect(logs('shop-error')).to.deep.equal(['', '', '', '']);
  });

  it('loses no line of a worker that ends by process.exit()', async () => {
    writeFileSync(join(folder, 'leaving.cjs'), leaving);
    const args = ['--node-args', `--require ${join(folder, 'node_modules/sonde/dist/register.cjs')}`];
    await pm2('start', 'leaving.cjs', '-i', '1', '--no-autorestart', ...args);
    const told = (): number =>
      new Set(
        logs('leaving-out')
          .join('')
          .match(/line \d+/g),
      ).size;
    await until(told, 50);
  });
});
