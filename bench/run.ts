/**
 * `npm run bench` runs every part, `npm run bench -- http startup` some. Prints markdown and keeps it in
 * `.cache/last.md`. Compare rows, never machines: each ratio comes from one run with its rounds interleaved.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import { Partner } from './child.ts';
import { home } from './contenders.ts';
import { ioredis, pg } from './databases.ts';
import { deadEndpoint } from './dead-endpoint.ts';
import { fastify, http, tail } from './http.ts';
import { logging } from './logging.ts';
import { memory } from './memory.ts';
import { metrics } from './metrics.ts';
import { modules } from './modules.ts';
import { redaction } from './redaction.ts';
import { installSonde } from './sonde.ts';
import { startup } from './startup.ts';

const { partner: sink, hello } = await Partner.start('sink.ts', { core: 1 });

const parts: Record<string, () => Promise<string>> = {
  startup: () => startup(hello.port),
  logging: () => logging(sink, hello.port),
  http: () => http(sink, hello.port),
  fastify: () => fastify(sink, hello.port),
  tail: () => tail(sink, hello.port),
  pg: () => pg(sink, hello.port),
  ioredis: () => ioredis(sink, hello.port),
  memory: () => memory(hello.port),
  modules: () => modules(hello.port),
  metrics: () => metrics(hello.port),
  redaction: () => redaction(),
  'dead-endpoint': () => deadEndpoint(hello.port),
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`No part named ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.`);
  process.exit(1);
}

const sections = [`${machine()} ${installSonde()}`];
console.log(sections[0]);
for (const name of wanted.length > 0 ? wanted : Object.keys(parts)) {
  const began = performance.now();
  const section = `## ${name}\n\n${await parts[name]!()}`;
  sections.push(section);
  console.log(`\n${section}\n\n(${((performance.now() - began) / 1000).toFixed(0)} s)`);
}
sink.stop();
mkdirSync(`${home}/.cache`, { recursive: true });
writeFileSync(`${home}/.cache/last.md`, `${sections.join('\n\n')}\n`);

function machine(): string {
  const [cpu] = os.cpus();
  return `Node ${process.versions.node}, ${os.cpus().length} x ${cpu?.model.trim()}, load ${os.loadavg()[0]!.toFixed(1)}.`;
}
