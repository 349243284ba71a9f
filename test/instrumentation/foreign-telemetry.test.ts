/** What other tools send to their own places is told from the app's calls by its path. */
import { expect } from 'chai';
import { isForeignTelemetry } from '../../instrumentation/foreign-telemetry.ts';

describe('the telemetry of other tools', () => {
  for (const target of [
    '/api/4507/envelope/?sentry_version=7&sentry_key=key',
    '/v0.4/traces',
    '/v0.7/config',
    '/telemetry/proxy/api/v2/apmtelemetry',
    '/dogstatsd/v2/proxy',
    '/profiling/v1/input',
  ]) {
    it(`is ${target}`, () => expect(isForeignTelemetry(target)).to.equal(true));
  }

  for (const target of [
    '/',
    '/api/7/envelope/',
    '/api/7/envelope/?id=1',
    '/v0.4/traces/7',
    '/profiling/v1',
    '/profiling/users',
    '/telemetry/proxy',
  ]) {
    it(`is not ${target}`, () => expect(isForeignTelemetry(target)).to.equal(false));
  }
});
