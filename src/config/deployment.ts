/** Whether this is a developer's machine: what debug filters, alerts and Django's `DEBUG` depend on (A8). */
import { shared } from '../slot.ts';
import { isDevelopment } from './env.ts';

const deployment = shared<{ name?: string; guess?: boolean }>('deployment', () => ({}));

/** The environment that the configuration names, wherever that was said; none asks the process's environment. */
export function nameDeployment(name: unknown): void {
  deployment.name = typeof name === 'string' ? name : undefined;
}

/** By `deployment.environment.name`, else by `NODE_ENV`; what is not known counts as production. */
export function inDevelopment(): boolean {
  if (deployment.name !== undefined) return /^dev(?:elopment)?$/i.test(deployment.name.trim());
  deployment.guess ??= isDevelopment();
  return deployment.guess;
}
