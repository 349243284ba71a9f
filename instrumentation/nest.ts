/**
 * NestJS on Express or Fastify, which tell the route and lend the logger: here only what its exception filters answer,
 * for no error of a controller ever reaches the platform below.
 */
import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Instrumentation } from '../src/instrumentation.ts';
import { setError } from './framework.ts';
import { override } from './override.ts';
import { patches } from './patches.ts';

interface ArgumentsHost {
  getArgByIndex(index: number): unknown;
}

type Next = (this: object, exception: unknown, host: ArgumentsHost) => unknown;

export function nest(): Instrumentation {
  const done = patches();

  return {
    name: 'nestjs-core',
    modules: ['@nestjs/core'],
    takesNamespaces: true,
    patch(_exports, _specifier, _sensors, path) {
      if (path === undefined) return;
      // The package has loaded it already; its door does not hand it out.
      const file = join(dirname(path), 'exceptions/exceptions-handler.js');
      const { prototype } = createRequire(path)(file).ExceptionsHandler;
      done.once(prototype, () => [override<Next>(prototype, 'next', seeing)]);
    },
    disable: done.undo,
  };
}

function seeing(original: Next): Next {
  return function next(exception, host) {
    const request = host.getArgByIndex(0) as (IncomingMessage & { raw?: IncomingMessage }) | undefined;
    if (request) setError(request.raw ?? request, exception);
    return original.call(this, exception, host);
  };
}
