/** Who is compared: flags in front of the same script, and what their environment says. */
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';

/** The folder every child runs in, so that `--require` finds the peers as a user's app would. */
export const home: string = import.meta.dirname;

export interface Contender {
  readonly name: string;
  /** Node flags in front of the script. */
  readonly flags: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Cloud detectors ask metadata addresses that do not exist here; that would be an unfair cost. */
const localDetectors = { OTEL_NODE_RESOURCE_DETECTORS: 'env,host,os,process' };
const headSampledOut = { OTEL_TRACES_SAMPLER: 'always_off' };

export const bare: Contender = { name: 'bare', flags: [] };

export const autoInstrumentations: Contender = {
  name: 'auto-instrumentations-node',
  flags: ['--require', '@opentelemetry/auto-instrumentations-node/register'],
  env: localDetectors,
};

export const nodeSdk: Contender = {
  name: 'NodeSDK + http',
  flags: ['--require', './apps/node-sdk.cjs'],
  env: localDetectors,
};

export const nodeSdkSampledOut: Contender = {
  ...nodeSdk,
  name: 'NodeSDK + http, sampled out',
  env: { ...localDetectors, ...headSampledOut },
};

/** As the peers: none of them writes an access log. */
const noAccessLog = { SONDE_ACCESS_LOG: 'off' };

export const sonde: Contender = { name: 'Sonde', flags: ['--require', 'sonde/register'], env: noAccessLog };

export const sondeAccessLog: Contender = { ...sonde, name: 'Sonde, access log on', env: {} };

/** Where `sondeSpool` keeps what waits; whoever runs it removes it. */
export const spoolFolder: string = `${tmpdir()}/sonde-bench-spool-${process.pid}`;

export const sondeSpool: Contender = {
  ...sonde,
  name: 'Sonde, spool on',
  env: { ...noAccessLog, SONDE_SPOOL_DIR: spoolFolder },
};

export const sondeSampledOut: Contender = {
  ...sonde,
  name: 'Sonde, sampled out',
  env: { ...noAccessLog, ...headSampledOut },
};

const tail = { ...noAccessLog, OTEL_TRACES_SAMPLER: 'sonde_tail', OTEL_TRACES_SAMPLER_ARG: '0' };

export const sondeTailLeftOut: Contender = {
  ...sonde,
  name: 'Sonde, tail: all held and left out',
  env: tail,
};

/** The dearest: each trace waits, and is sent all the same. */
export const sondeTailKept: Contender = {
  ...sonde,
  name: 'Sonde, tail: all held and kept',
  env: { ...tail, SONDE_TAIL_SLOW: '0ms', SONDE_LOG_CONSOLE: 'off' },
};

/** Of 20 traces one is picked, as it is by default. */
export const sondeTailPicked: Contender = {
  ...sonde,
  name: 'Sonde, tail: one in twenty kept',
  env: { ...tail, OTEL_TRACES_SAMPLER_ARG: '0.05', SONDE_LOG_CONSOLE: 'off' },
};

/** Drops the contenders that need Sonde while there is no built Sonde to install. */
export function present(contenders: readonly Contender[]): Contender[] {
  return contenders.filter((contender) => !contender.name.startsWith('Sonde') || hasSonde());
}

function hasSonde(): boolean {
  return existsSync(`${home}/node_modules/sonde/package.json`);
}

/** The environment of one child: ours, without whatever would steer OpenTelemetry, Sonde or Node from outside. */
export function environment(contender: Contender, sinkPort: number): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(OTEL_|SONDE_|npm_|NODE_)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    OTEL_SERVICE_NAME: 'bench',
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sinkPort}/${slug(contender)}`,
    ...contender.env,
  };
}

/** The contender's name as a path segment: the sink counts per path. */
export function slug(contender: Contender): string {
  return contender.name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
