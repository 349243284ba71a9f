/** Who sends all this: the resource of every signal, by semantic convention. */
import type { Cluster } from 'node:cluster';
import os from 'node:os';
import { basename } from 'node:path';
import { shared } from '../slot.ts';
import { VERSION } from '../version.ts';
import type { AttributeValue, Config } from './config.ts';
import { lambdaVariables } from './env.ts';

/** Version of the OpenTelemetry SDK inside; kept equal to the installed one by a test. */
const sdkVersion = '3.1.0';

/** Names of the conventions, where Node.js has others. */
const archNames: Readonly<Record<string, string>> = { x64: 'amd64', arm: 'arm32', ia32: 'x86', ppc: 'ppc32' };
const osNames: Readonly<Record<string, string>> = { win32: 'windows', sunos: 'solaris' };

function serviceAttributes({ service }: Config): Record<string, AttributeValue> {
  return {
    'service.name': service.name,
    'service.instance.id': service.instanceId,
    ...(service.version !== undefined && { 'service.version': service.version }),
  };
}

/** The command line, its owner and paths can tell secrets and names of people; they are not here by purpose. */
function processAttributes(): Record<string, AttributeValue> {
  return {
    'process.pid': process.pid,
    'process.runtime.name': 'nodejs',
    'process.runtime.version': process.versions.node,
    'process.runtime.description': 'Node.js',
    'process.executable.name': basename(process.execPath),
    'host.name': os.hostname(),
    'host.arch': archNames[process.arch] ?? process.arch,
    'os.type': osNames[process.platform] ?? process.platform,
  };
}

/** Which worker of `node:cluster` this is (A68). Only a process with a channel can be one: others load nothing. */
function workerAttributes(): Record<string, AttributeValue> {
  if (!process.connected) return {};
  const { worker } = process.getBuiltinModule('node:cluster') as unknown as Cluster;
  return worker === undefined ? {} : { 'worker.id': worker.id };
}

/** Where the cloud says so in variables; its metadata addresses are asked for nothing. */
function functionAttributes(): Record<string, AttributeValue> {
  const lambda = lambdaVariables();
  if (lambda === undefined) return {};
  const { name, version, region, memory, logGroup, logStream } = lambda;
  return {
    'cloud.provider': 'aws',
    'cloud.platform': 'aws_lambda',
    'faas.name': name,
    ...(region && { 'cloud.region': region }),
    ...(version && { 'faas.version': version }),
    ...(logStream && { 'faas.instance': logStream }),
    ...(memory > 0 && { 'faas.max_memory': memory * 1_048_576 }),
    ...(logGroup && { 'aws.log.group.names': [logGroup] }),
  };
}

const telemetryAttributes: Readonly<Record<string, AttributeValue>> = {
  'telemetry.sdk.name': 'opentelemetry',
  'telemetry.sdk.language': 'nodejs',
  'telemetry.sdk.version': sdkVersion,
  'telemetry.distro.name': 'sonde',
  'telemetry.distro.version': VERSION,
};

/**
 * Every resource attribute. What `config.resource` names goes over what was found out about process and host.
 * `deployment.environment.name` is there only if somebody named it: NODE_ENV tells libraries how to behave (it is
 * `production` on staging, too), not where the service runs.
 */
export function resourceAttributes(config: Config): Record<string, AttributeValue> {
  return {
    ...processAttributes(),
    ...workerAttributes(),
    ...functionAttributes(),
    ...config.resource,
    ...serviceAttributes(config),
    ...telemetryAttributes,
  };
}

type Resource = Readonly<Record<string, AttributeValue>>;

const known = shared<{ read: () => Resource; resource: Resource | undefined }>('resource', () => ({
  read: () => ({}),
  resource: undefined,
}));

/** From now on this is the resource of the process, for lines that always tell it (ECS, OTLP). */
export function announceResource(read: () => Resource): void {
  known.read = read;
  known.resource = undefined;
}

/** The same object until it changes; empty before `init`. */
export function processResource(): Resource {
  known.resource ??= known.read();
  return known.resource;
}
