import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { openHome } from '../../src/delivery/home.ts';

const script = join(import.meta.dirname, '../fixtures/delivery/successor.mjs');

describe("the spool's home", function () {
  this.timeout(30_000);
  let dir: string;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    dir = fs.mkdtempSync(join(os.tmpdir(), 'sonde-home-'));
    fs.chmodSync(dir, 0o777);
  });
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    fs.rmSync(dir, { recursive: true, force: true });
  });

  function start(act: string, service = 'shop'): ChildProcess {
    const child = spawn(process.execPath, [script, dir, service, act], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    children.push(child);
    return child;
  }

  async function firstLine(child: ChildProcess): Promise<string[]> {
    const [text] = await once(child.stdout!, 'data');
    return JSON.parse(String(text));
  }

  async function leaveOne(service?: string): Promise<string> {
    const child = start('die', service);
    await once(child, 'exit');
    return `${child.pid}.seg`;
  }

  it('is for its owner alone, in a folder that is for everybody', () => {
    const home = openHome(dir, 'shop');
    const [own] = fs.readdirSync(dir) as [string];
    const [instance] = fs.readdirSync(join(dir, own)) as [string];
    for (const folder of [join(dir, own), join(dir, own, instance)]) {
      expect(fs.statSync(folder).mode & 0o777).to.equal(0o700);
    }
    home.leave();
    expect(fs.readdirSync(join(dir, own))).to.deep.equal([]);
  });

  it('is refused where a link, a file or the folder of another user stands in its place', () => {
    const own = join(dir, `sonde-${process.geteuid?.()}`);
    const elsewhere = join(dir, 'elsewhere');
    fs.mkdirSync(elsewhere);
    fs.symlinkSync(elsewhere, own);
    expect(() => openHome(dir, 'shop')).to.throw(/link/);
    fs.unlinkSync(own);
    fs.writeFileSync(own, '');
    expect(() => openHome(dir, 'shop')).to.throw(/file/);
    fs.unlinkSync(own);
    expect(fs.readdirSync(elsewhere)).to.deep.equal([]);
    if (process.geteuid?.() !== 0) return;
    fs.mkdirSync(own);
    fs.chownSync(own, 12345, 12345);
    expect(() => openHome(dir, 'shop')).to.throw(/uid 12345/);
  });

  it('is made narrow again where somebody has opened it', () => {
    const own = join(dir, `sonde-${process.geteuid?.()}`);
    fs.mkdirSync(own, 0o777);
    fs.chmodSync(own, 0o777);
    openHome(dir, 'shop').leave();
    expect(fs.statSync(own).mode & 0o777).to.equal(0o700);
  });

  it('passes what the dead left to exactly one of many that come at once', async () => {
    const left = [await leaveOne(), await leaveOne(), await leaveOne()];
    const racers = Array.from({ length: 8 }, () => start('wait'));
    await new Promise((resolve) => setTimeout(resolve, 1000));
    const lines = racers.map(firstLine);
    for (const racer of racers) racer.stdin!.write('go');
    const got = await Promise.all(lines);
    expect(got.flat().sort()).to.deep.equal(left.sort());
  });

  it('passes on what somebody had adopted and died over, however often', async () => {
    const left: string[] = [];
    for (let i = 0; i < 4; i++) left.push(await leaveOne());
    const last = start('stay');
    expect((await firstLine(last)).sort()).to.deep.equal(left.sort());
    expect(fs.readdirSync(join(dir, `sonde-${process.geteuid?.()}`))).to.have.length(1);
  });

  it('leaves the living alone, also one that is stopped or busy', async () => {
    const owner = start('stay');
    expect(await firstLine(owner)).to.deep.equal([]);
    owner.kill('SIGSTOP');
    const home = openHome(dir, 'shop');
    expect(await home.adopt()).to.deep.equal([]);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    home.leave();
  });

  it('does not take what belongs to another service', async () => {
    const left = await leaveOne('billing');
    const home = openHome(dir, 'shop');
    expect(await home.adopt()).to.deep.equal([]);
    home.leave();
    const heir = openHome(dir, 'billing');
    expect((await heir.adopt()).map((path) => path.replace(/^.*\//, ''))).to.deep.equal([left]);
    heir.leave();
  });

  it('tells when it is gone', () => {
    const home = openHome(dir, 'shop');
    expect(home.beat()).to.equal(true);
    fs.rmSync(dir, { recursive: true });
    expect(home.beat()).to.equal(false);
    home.leave();
  });
});
