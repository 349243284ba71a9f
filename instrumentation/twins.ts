/** Who else sees the same calls: where the app has enabled an official instrumentation, one of the two is too many. */
import { isBuiltin } from 'node:module';
import { trace } from '@opentelemetry/api';
import { diagnostics } from '../src/diagnostics.ts';
import type { Instrumentation } from '../src/instrumentation.ts';
import type { OfficialInstrumentation } from '../src/official.ts';
import { tryInstrumentation } from '../src/official-guard.ts';
import { override } from './override.ts';

/** By package, without `@opentelemetry/instrumentation-`: the instrumentations of Sonde's that see the same calls. */
const twins: Readonly<Record<string, readonly string[]>> = {
  http: ['http', 'http-client'],
  undici: ['undici'],
  express: ['express'],
  koa: ['koa'],
  fastify: ['fastify'],
  '@fastify/otel': ['fastify'],
  'nestjs-core': ['nestjs-core'],
  pg: ['pg'],
  mysql: ['mysql'],
  mysql2: ['mysql'],
  mongodb: ['mongodb'],
  redis: ['redis'],
  ioredis: ['ioredis'],
  amqplib: ['amqplib'],
  kafkajs: ['kafkajs'],
  'aws-sdk': ['sqs'],
  '@appsignal/opentelemetry-instrumentation-bullmq': ['bullmq'],
  pino: ['pino'],
  winston: ['winston'],
  bunyan: ['bunyan'],
  'runtime-node': ['runtime'],
};

/** Sonde's instrumentations that make the same spans, metrics or records as the official one of this name. */
export function twinsOf(officialName: string): readonly string[] {
  return twins[officialName.replace('@opentelemetry/instrumentation-', '')] ?? [];
}

type Base = { readonly InstrumentationBase?: { readonly prototype?: object } };

/**
 * Tells of every official instrumentation that anybody enables from now on: by `registerInstrumentations`, by another
 * SDK or by itself. Each copy of the base class is watched, since a process often has several.
 */
export function watchOfficial(
  mayEnable: (instrumentation: OfficialInstrumentation) => boolean,
): Instrumentation {
  const undo: (() => void)[] = [];
  const loads = new Set<string>();

  /** The app's own constructor is waiting: nothing is thrown into it. */
  function isAllowed(instrumentation: OfficialInstrumentation): boolean {
    let allowed = true;
    tryInstrumentation(instrumentation, 'enable', () => {
      allowed = mayEnable(instrumentation);
    });
    if (allowed) for (const name of modulesOf(instrumentation)) loads.add(name);
    return allowed;
  }

  return {
    name: 'official',
    modules: ['@opentelemetry/instrumentation'],
    takesNamespaces: 'in turn',
    loads,
    prepare: (_specifier, isImported) => isImported,
    patch({ InstrumentationBase: base }: Base) {
      if (base?.prototype === undefined) return;
      // From here on any may be enabled.
      loads.add('@opentelemetry/instrumentation');
      undo.push(
        override(base.prototype, 'enable', (original) => {
          return function enable(this: OfficialInstrumentation) {
            if (isAllowed(this)) original.call(this);
          };
        }),
      );
    },
    disable() {
      for (const restore of undo.splice(0)) restore();
    },
  };
}

/**
 * The same where the base class of an ES module cannot be watched (Node.js before 22.22.3 and 24.11.1): each asks for a
 * tracer of its own name as it is made.
 */
export function watchTracers(onNamed: (instrumentationName: string) => void): Instrumentation {
  let restore = (): void => {};
  return {
    name: 'official by name',
    modules: [],
    enable() {
      const provider = trace.getTracerProvider() as { getDelegate?(): object };
      restore = override(provider.getDelegate?.() ?? provider, 'getTracer', (original) => {
        return function getTracer(name: string, ...rest: unknown[]) {
          onNamed(name);
          return original.call(this, name, ...rest);
        };
      });
    },
    disable: () => restore(),
  };
}

/** The packages that it patches by hooks of `require`. */
function modulesOf(instrumentation: OfficialInstrumentation): string[] {
  const { _modules: definitions } = instrumentation as { _modules?: readonly { readonly name: string }[] };
  return (definitions ?? []).map(({ name }) => name).filter((name) => !isBuiltin(name));
}

/** One line for all that happens in one turn: an SDK enables its instrumentations by the dozen. */
export function tellTogether(say: (own: string, official: string) => string) {
  const met = new Map<string, readonly string[]>();
  return (official: string, own: readonly string[]): void => {
    if (met.size === 0) queueMicrotask(tell);
    met.set(official, own);
  };

  function tell(): void {
    const own = [...new Set([...met.values()].flat())].join(', ');
    const official = met.size > 1 ? `${met.size} official instrumentations` : [...met.keys()].join();
    met.clear();
    diagnostics.infoOnce(`twins ${own} ${official}`, say(own, official));
  }
}
