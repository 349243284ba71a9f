import childProcessModule, { type ChildProcess } from 'node:child_process';
import { expect } from 'chai';
import { childProcess } from '../../instrumentation/child-process.ts';
import { rootContext, runIn } from '../../src/context/context.ts';
import { withCorrelation } from '../../src/context/correlation.ts';
import type { Sensors } from '../../src/instrumentation.ts';

type Exports = Record<string, unknown> & { ChildProcess: { prototype: Record<string, unknown> } };

const target = childProcessModule as unknown as Exports;
const sensors = {} as Sensors;
const unit = withCorrelation(rootContext, { id: 'c-1', requestId: undefined, attributes: {} });

function methods(): unknown[] {
  const { spawnSync, execSync, execFileSync } = target;
  return [target.ChildProcess.prototype.spawn, spawnSync, execSync, execFileSync];
}

describe('the child-process instrumentation', () => {
  it('replaces four functions once and puts all of them back', () => {
    const before = methods();
    const instrumentation = childProcess();
    instrumentation.patch?.(target, 'node:child_process', sensors);
    const patched = methods();
    instrumentation.patch?.(target, 'node:child_process', sensors);
    expect(methods()).to.deep.equal(patched);
    for (const [i, method] of patched.entries()) expect(method).not.to.equal(before[i]);
    instrumentation.disable();
    expect(methods()).to.deep.equal(before);
  });

  it('leaves alone what somebody else has put over it', () => {
    const before = target.execSync;
    const instrumentation = childProcess();
    instrumentation.patch?.(target, 'node:child_process', sensors);
    const foreign = () => {};
    target.execSync = foreign;
    instrumentation.disable();
    expect(target.execSync).to.equal(foreign);
    target.execSync = before;
  });

  it('does not change the options that the app holds', () => {
    const { ChildProcess: Kind } = target as unknown as { ChildProcess: new () => ChildProcess };
    const instrumentation = childProcess();
    instrumentation.patch?.(target, 'node:child_process', sensors);
    const options = {
      file: process.execPath,
      args: ['node', '--version'],
      stdio: 'ignore',
      envPairs: ['A=1'],
    };
    const child = new Kind() as unknown as { spawn(options: object): number; kill(): void };
    runIn(unit, () => child.spawn(options));
    child.kill();
    expect(options.envPairs).to.deep.equal(['A=1']);
    expect(() => new (Kind as any)().spawn()).to.throw(TypeError);
    instrumentation.disable();
  });
});
