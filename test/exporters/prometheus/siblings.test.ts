import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { joinSiblings, type Siblings } from '../../../exporters/prometheus/siblings.ts';
import type { Collection } from '../../../src/metrics/collected.ts';
import { metered } from '../../support/metered.ts';

const secret = 'Bearer sesame-7f3a9c';

describe('workers without a primary of Sonde', () => {
  const script = `/srv/shop/${process.pid}.mjs`;
  const joined: Siblings[] = [];
  let folder: string;

  /** A worker that has counted `count`. */
  function worker(number: number, count: number) {
    const { meter, reader } = metered();
    meter.createCounter('jobs').add(count, { authorization: secret });
    meter.createGauge('depth').record(number);
    const collect = async () => (await reader.collect()).resourceMetrics as unknown as Collection;
    const siblings = joinSiblings({ primary: process.ppid, script, worker: number, collect });
    joined.push(siblings);
    return {
      siblings,
      collect,
      add: (more: number) => meter.createCounter('jobs').add(more, { authorization: secret }),
    };
  }

  function figures({ scopeMetrics }: Collection): Record<string, unknown[]> {
    const all = scopeMetrics.flatMap(({ metrics }) => metrics);
    return Object.fromEntries(
      all.map(({ descriptor, dataPoints }) => [descriptor.name, dataPoints.map(({ value }) => value)]),
    );
  }

  before(() => {
    const before = new Set(readdirSync(tmpdir()));
    worker(0, 0).siblings.leave([]);
    joined.length = 0;
    folder = join(
      tmpdir(),
      readdirSync(tmpdir()).find((name) => name.startsWith('sonde-workers-') && !before.has(name))!,
    );
  });
  afterEach(() => {
    for (const each of joined.splice(0)) each.leave([]);
    for (const name of readdirSync(folder)) rmSync(join(folder, name), { force: true });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('tell the same sum, whichever is asked, and keep what one of them leaves (A68)', async () => {
    const [first, second] = [worker(1, 3), worker(2, 4)];
    for (const { siblings, collect } of [first, second]) {
      const { jobs, depth } = figures(await siblings.gather(await collect()));
      expect([jobs![0], depth!.length]).to.deep.equal([7, 2]);
    }
    second.add(1);
    second.siblings.leave((await second.collect()).scopeMetrics);
    const { jobs, depth } = figures(await first.siblings.gather(await first.collect()));
    expect([jobs![0], depth]).to.deep.equal([8, [1]]);
  });

  it('tell their own where the folder has been cleared away, and end as they would', async () => {
    const { siblings, collect } = worker(1, 3);
    rmSync(folder, { recursive: true });
    try {
      expect(figures(await siblings.gather(await collect())).jobs).to.deep.equal([3]);
      siblings.leave((await collect()).scopeMetrics);
    } finally {
      mkdirSync(folder, { mode: 0o700 });
    }
  });

  it('answer and end where the disk refuses the sum', async () => {
    const { siblings, collect } = worker(1, 3);
    const dead = net.createServer().listen(join(folder, '2-dead.part'));
    await once(dead, 'listening');
    renameSync(join(folder, '2-dead.part'), join(folder, '2-dead.sock'));
    dead.close();
    await once(dead, 'close');
    mkdirSync(join(folder, 'gone.json.part'));
    try {
      expect(figures(await siblings.gather(await collect())).jobs).to.deep.equal([3]);
      siblings.leave((await collect()).scopeMetrics);
    } finally {
      rmdirSync(join(folder, 'gone.json.part'));
    }
  });

  it('take away a lock that was left empty by a full disk', async () => {
    const [first, second] = [worker(1, 3), worker(2, 4)];
    const lock = join(folder, 'lock');
    writeFileSync(lock, '');
    utimesSync(lock, new Date(0), new Date(0));
    second.siblings.leave((await second.collect()).scopeMetrics);
    expect(figures(await first.siblings.gather(await first.collect())).jobs).to.deep.equal([7]);
  });

  it('count one that was killed by what it told last, once', async () => {
    const first = worker(1, 3);
    // A socket that nobody listens on any more is what a killed process leaves.
    const path = join(folder, '2-dead.sock');
    const { siblings, collect } = worker(2, 4);
    await first.siblings.gather(await first.collect());
    await siblings.gather(await collect());
    const kept = () => readdirSync(folder).find((name) => /^2-.*\.json$/.test(name));
    while (kept() === undefined) await new Promise(setImmediate);
    const own = kept()!;
    const told = readFileSync(join(folder, own));
    siblings.leave([]);
    await leaveSocket(path);
    writeFileSync(join(folder, '2-dead.json'), told);
    for (let times = 0; times < 3; times++) {
      expect(figures(await first.siblings.gather(await first.collect())).jobs).to.deep.equal([7]);
    }
  });

  it('leave no secret on the disk, and nothing that others can read', async () => {
    const { siblings, collect } = worker(1, 3);
    await siblings.gather(await collect());
    siblings.leave((await collect()).scopeMetrics);
    expect(statSync(folder).mode & 0o777).to.equal(0o700);
    const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
    expect(files).to.include('gone.json');
    for (const name of files) {
      expect(readFileSync(join(folder, name), 'utf8'))
        .to.contain('jobs')
        .and.to.not.contain('sesame');
      expect(statSync(join(folder, name)).mode & 0o777).to.equal(0o600);
    }
  });

  it('stay alone where their folder is open to others', () => {
    chmodSync(folder, 0o755);
    try {
      expect(() => worker(1, 3)).to.throw(/not a folder of this user alone/);
    } finally {
      chmodSync(folder, 0o700);
    }
  });
});

/** Closing removes a socket's path; taking it away first keeps it. */
async function leaveSocket(path: string): Promise<void> {
  const { renameSync } = await import('node:fs');
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve));
  renameSync(`${path}.live`, path);
  await new Promise((resolve) => server.close(resolve));
}
