/**
 * A stub of AWS Lambda's runtime API, and of its freezer: the process that asks for its next call is stopped until
 * there is one, and killed when its deadline is over.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { cleanEnvironment } from './child.ts';

export interface Answer {
  readonly kind: 'response' | 'error' | 'killed';
  readonly body: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface LambdaFunction {
  /**
   * Thaws the process for one call; resolves when it is frozen again, or dead. It is killed when `over` resolves: a
   * deadline that the machine cannot miss.
   */
  invoke(event: unknown, id: string, timeoutMillis?: number, over?: Promise<unknown>): Promise<Answer>;
  /** What the process has printed. */
  output(): string;
  stop(): Promise<void>;
}

const folder = join(import.meta.dirname, '../fixtures/lambda');
export const arn = 'arn:aws:lambda:eu-central-1:123456789012:function:shop-orders';

/** @param handler as `_HANDLER` has it, in test/fixtures/lambda */
export async function lambdaFunction(
  handler: string,
  env: Record<string, string>,
  node: string = process.execPath,
  runtime: readonly string[] = ['--require', 'sonde/register', join(folder, 'runtime.mjs')],
): Promise<LambdaFunction> {
  let asked = Promise.withResolvers<http.ServerResponse>();
  let told = Promise.withResolvers<Answer>();
  const server = http.createServer(async (request, response) => {
    if (request.method === 'GET') return asked.resolve(response);
    let body = '';
    for await (const chunk of request) body += chunk;
    response.writeHead(202).end();
    const kind = request.url?.endsWith('/response') ? 'response' : 'error';
    told.resolve({ kind, body, at: Date.now() });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const child: ChildProcess = spawn(node, runtime, {
    cwd: folder,
    env: cleanEnvironment({
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      AWS_LAMBDA_FUNCTION_NAME: 'shop-orders',
      AWS_LAMBDA_FUNCTION_VERSION: '7',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128',
      AWS_LAMBDA_LOG_STREAM_NAME: '2026/01/21/[7]abc',
      AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/shop-orders',
      AWS_REGION: 'eu-central-1',
      LAMBDA_TASK_ROOT: folder,
      _HANDLER: handler,
      ...env,
    }),
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const exited = once(child, 'exit').then(() => {
    const error = new Error(`The function ended: ${output}`);
    asked.reject(error);
    told.resolve({ kind: 'killed', body: output, at: Date.now() });
  });
  asked.promise.catch(() => undefined);

  return {
    output: () => output,
    async invoke(event, id, timeoutMillis = 10_000, over = undefined) {
      const response = await asked.promise;
      asked = Promise.withResolvers();
      told = Promise.withResolvers();
      asked.promise.catch(() => undefined);
      child.kill('SIGCONT');
      response.setHeader('lambda-runtime-aws-request-id', id);
      response.setHeader('lambda-runtime-invoked-function-arn', `${arn}:live`);
      response.setHeader('lambda-runtime-deadline-ms', String(Date.now() + timeoutMillis));
      response.end(JSON.stringify(event));
      void over?.then(() => child.kill('SIGKILL'));
      const answer = await told.promise;
      if (answer.kind !== 'killed') await asked.promise;
      child.kill('SIGSTOP');
      return answer;
    },
    async stop() {
      child.kill('SIGKILL');
      await exited;
      server.closeAllConnections();
      server.close();
    },
  };
}
