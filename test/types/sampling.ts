/** What a rule of sampling takes and refuses: checked by `tsc`, run by nobody. */
import { type ConfigFile, defineConfig, type InitOptions, type SamplingRule } from '../../src/index.ts';

const checkout: SamplingRule = { route: '/checkout/*', sample: 'keep' };

export const ruled: InitOptions = {
  traces: {
    sampler: 'sonde_rules',
    samplerArg: 0.05,
    rules: [
      checkout,
      {
        kind: 'consumer',
        attributes: { 'messaging.system': 'kafka', retry: true },
        sample: 0.1,
        perSecond: 20,
      },
      { service: 'shop-*', name: 'report*', perSecond: 5 },
      { sample: 'drop' },
    ],
    tracesPerSecond: 50,
  },
};

export const inFile: ConfigFile = defineConfig({ traces: ruled.traces!, locked: ['traces'] });

// @ts-expect-error a share is a number, or one of two words
export const some: SamplingRule = { sample: 'some' };

// @ts-expect-error a kind that spans do not have
export const unknownKind: SamplingRule = { kind: 'batch' };
