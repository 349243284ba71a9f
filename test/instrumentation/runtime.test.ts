import { setTimeout as rest } from 'node:timers/promises';
import * as incubating from '@opentelemetry/semantic-conventions/incubating';
import { expect } from 'chai';
import { host } from '../../instrumentation/host.ts';
import { runtime } from '../../instrumentation/runtime.ts';
import { defaults } from '../../src/config/config.ts';
import { ManualReader, metered } from '../support/metered.ts';

describe('the metrics of the process', function () {
  this.timeout(20_000);

  it('tell two readers that ask at once the same', async () => {
    const { meter, reader, provider } = metered();
    const other = new ManualReader();
    provider.addReader(other as never);
    const watching = runtime();
    watching.enable?.({ meter } as never);
    await rest(100);
    const names = [
      'nodejs.eventloop.delay.max',
      'nodejs.eventloop.delay.p99',
      'nodejs.eventloop.utilization',
    ];
    const values = async (of: ManualReader) => {
      const metrics = await of.metrics();
      return names.map((name) => {
        const found = metrics.find(({ descriptor }) => descriptor.name === name);
        return found?.dataPoints[0]?.value;
      });
    };
    let first = await values(reader);
    // A window without a sample says nothing: the next one is a second later.
    while (first.includes(undefined)) {
      await rest(1_050);
      first = await values(reader);
    }
    expect(await values(other)).to.deep.equal(first);
    for (const value of first) expect(value).to.be.a('number').above(0);
    watching.disable();
  });

  it('tell what keeps the event loop alive, and how its time was spent', async () => {
    const { meter, reader } = metered();
    const watching = runtime();
    watching.enable?.({ meter } as never);
    const timer = setTimeout(() => {}, 60_000);
    const sum = async (name: string, key: string, value: string) => {
      const points = await reader.points(name);
      return points.find(({ attributes }) => attributes[key] === value)?.value;
    };
    while ((await reader.points('v8js.resource.active')).length === 0) await rest(5);
    expect(await sum('v8js.resource.active', 'v8js.resource.type', 'Timeout')).to.be.at.least(1);
    expect(await sum('nodejs.eventloop.time', 'nodejs.eventloop.state', 'active')).to.be.above(0);
    clearTimeout(timer);
    watching.disable();
  });

  const ofHost = [
    'cpu.logical.count',
    'cpu.time',
    'memory.limit',
    'memory.usage',
    'memory.utilization',
    'uptime',
  ];
  const ofProcess = ['context_switches', 'cpu.time', 'memory.usage', 'paging.faults', 'uptime'];

  it('are those of the machine, too, for who asks, by the names, units and states of the conventions', async () => {
    for (const isAsked of [false, true]) {
      const { meter, reader } = metered();
      const watching = host();
      const config = { ...defaults, metrics: { ...defaults.metrics, host: isAsked } };
      watching.enable?.({ meter, config } as never);
      const metrics = await reader.metrics();
      const names = metrics.map(({ descriptor }) => descriptor.name).sort();
      watching.disable();
      const known = new Set<unknown>(Object.values(incubating));
      expect(names.filter((name) => !known.has(name))).to.deep.equal([]);
      const all = [...ofProcess.map((name) => `process.${name}`), ...ofHost.map((name) => `system.${name}`)];
      expect(names).to.deep.equal(isAsked ? all : []);
      for (const { dataPoints } of metrics) {
        for (const { value, attributes } of dataPoints) {
          expect(value).to.be.a('number').at.least(0);
          for (const name of Object.keys(attributes)) expect(known.has(name), name).to.equal(true);
        }
      }
      if (!isAsked) continue;
      const shares = metrics.find(({ descriptor }) => descriptor.name === 'system.memory.utilization');
      const [used, available] = (shares?.dataPoints ?? []).map(({ value }) => Number(value));
      expect(used! + available!).to.be.closeTo(1, 0.1);
      expect((await reader.points('system.uptime')).length).to.equal(0);
    }
  });
});
