/**
 * Heavy parts are files of their own, read when first needed: an app that never speaks grpc never pays for it.
 * This is the only `createRequire`; the build turns each literal path into the bundled part.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Part name to source file. Keep the paths literal: `build/bundle.ts` reads them here. */
const parts = {
  start: './start.ts',
  sdk: './traces/sdk.ts',
  otlp: '../exporters/otlp/otlp.ts',
  file: '../exporters/file.ts',
  grpc: '../exporters/otlp/grpc.ts',
  dict: './logs/dict-config.ts',
  memory: '../exporters/memory.ts',
  pg: '../instrumentation/pg.ts',
  sqlite: '../instrumentation/sqlite.ts',
} as const;

export type Part = keyof typeof parts;

/** Loads a part synchronously, once. Throws what loading throws: the caller knows what to do without it. */
export function load<T>(part: Part): T {
  return require(parts[part]) as T;
}

/** A module of the app by its path from the current folder, or by its package's name. Throws what loading throws. */
export function loadModule(name: string): Readonly<Record<string, unknown>> {
  return createRequire(`${process.cwd()}/.`)(name) as Readonly<Record<string, unknown>>;
}
