/**
 * Libraries that Sonde has nothing of its own for: where the app has the official instrumentation installed, it is read
 * and enabled the moment the app loads the library, in CommonJS and ES modules, and never before.
 */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { metrics } from '@opentelemetry/api';
import type { Config } from '../src/config/config.ts';
import { diagnostics } from '../src/diagnostics.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import { loadOfApp } from '../src/load.ts';
import type { OfficialInstrumentation } from '../src/official.ts';
import { tryInstrumentation } from '../src/official-guard.ts';
import { useStableNames } from '../src/traces/stable-names.ts';
import { resolveFrom } from './loaded-modules.ts';

/** One library: its short name, the modules that the app loads of it, and the package that observes it. */
interface Row {
  readonly name: string;
  readonly modules: readonly string[];
  readonly official: string;
}

function row(name: string, ...modules: string[]): Row {
  return { name, modules: modules.length > 0 ? modules : [name], official: officialOf(name) };
}

function officialOf(name: string): string {
  return `@opentelemetry/instrumentation-${name}`;
}

const rows: readonly Row[] = [
  row('graphql'),
  row('grpc', '@grpc/grpc-js'),
  row('aws-sdk', '@smithy/core', '@smithy/middleware-stack', '@smithy/smithy-client'),
  row('cassandra-driver'),
  row('dataloader'),
  row('generic-pool'),
  row('hapi', '@hapi/hapi'),
  row('lru-memoizer'),
  row('memcached'),
  row('openai'),
  row('oracledb'),
  row('restify'),
  row('socket.io'),
  {
    name: 'elasticsearch',
    modules: ['@elastic/elasticsearch'],
    official: 'opentelemetry-instrumentation-elasticsearch',
  },
];

/** What every official instrumentation has. */
interface Configured {
  getConfig(): object;
  setConfig(config: object): void;
}

/** The long tail of one process. */
export interface LongTail extends Instrumentation {
  /** Whether one is being enabled by Sonde at this moment, rather than by the app. */
  readonly isActivating: boolean;
  /**
   * The app enables one by itself: gives whether it may. One that comes after its library has nothing to patch any more,
   * so Sonde's goes on, with the app's options.
   */
  giveWay(official: { readonly instrumentationName: string } & Partial<Configured>): boolean;
}

type Instance = OfficialInstrumentation & Configured;
type Maker = new (options: object) => Instance;

/** @param isChosen whether the instrumentation of a short name is on */
export function longTail({ debug, instrumentations }: Config, isChosen: (name: string) => boolean): LongTail {
  const chosen = mayHaveAny() ? rows.filter(({ name }) => isChosen(name)) : [];
  const byModule = new Map(chosen.flatMap((each) => each.modules.map((module) => [module, each])));
  /** By package; `undefined` for what is not there, or is the app's. */
  const settled = new Map<string, Instance | undefined>();
  let activating = false;

  function activate({ name, official }: Row): Instance | undefined {
    const make = makerOf(official);
    if (make === undefined) return undefined;
    activating = true;
    try {
      // By itself it observes from its construction on; its instruments it may only have once it is given a meter.
      const instance = new make(instrumentations.options[name] ?? {});
      instance.setMeterProvider(metrics.getMeterProvider());
      useStableNames(instance.instrumentationName);
      const say = debug ? diagnostics.info : diagnostics.debug;
      say(`${name} is observed by ${official} of the app.`);
      return instance;
    } finally {
      activating = false;
    }
  }

  return {
    name: 'official on demand',
    modules: [],
    loads: byModule,
    get isActivating() {
      return activating;
    },
    prepare(specifier) {
      const each = byModule.get(specifier) as Row;
      if (!settled.has(each.official)) {
        // A library that the package itself loads is none of the app's.
        settled.set(each.official, undefined);
        settled.set(each.official, activate(each));
      }
      return settled.get(each.official) !== undefined;
    },
    giveWay(official) {
      const { instrumentationName: name } = official;
      const instance = settled.get(name);
      if (instance === undefined) settled.set(name, undefined);
      else if (official.getConfig !== undefined) instance.setConfig(official.getConfig());
      return instance === undefined;
    },
    disable() {
      for (const instance of settled.values()) {
        if (instance !== undefined) tryInstrumentation(instance, 'disable', () => instance.disable());
      }
      settled.clear();
    },
  };
}

/** The class in the package that the app has installed. */
function makerOf(official: string): Maker | undefined {
  try {
    const exported = Object.values(loadOfApp(official) as object);
    return exported.find(
      (each) => typeof each === 'function' && typeof each.prototype?.setTracerProvider === 'function',
    );
  } catch {
    return undefined;
  }
}

/** Short names of those whose package the app has installed. Looks on the disk. */
export function installedTail(isChosen: (name: string) => boolean): string[] {
  return rows.filter(({ name, official }) => isChosen(name) && isInstalled(official)).map(({ name }) => name);
}

/** One look into each `node_modules` above the app: to hear of every load costs something, and most apps have none. */
function mayHaveAny(): boolean {
  return [resolve(process.argv[1] ?? '.'), process.cwd()].some((start) => {
    for (let at = start; at !== dirname(at); at = dirname(at)) {
      if (hasAny(join(at, 'node_modules'))) return true;
    }
    return false;
  });
}

function hasAny(modules: string): boolean {
  try {
    const names = readdirSync(join(modules, '@opentelemetry'));
    if (names.some((name) => name.startsWith('instrumentation-'))) return true;
    return existsSync(join(modules, 'opentelemetry-instrumentation-elasticsearch'));
  } catch {
    return false;
  }
}

function isInstalled(name: string): boolean {
  const places = [process.argv[1], join(process.cwd(), 'app.js')];
  return places.some((place) => place !== undefined && resolveFrom(place, name) !== undefined);
}
