/** What a server of Sentry's protocol says, and where a DSN points (A60). */
import { expect } from 'chai';
import { readDsn } from '../../exporters/sentry/dsn.ts';
import { framesOf } from '../../exporters/sentry/frames.ts';
import { rateLimits } from '../../exporters/sentry/rate-limits.ts';

describe("Sentry's protocol (A60)", () => {
  const answers: [status: number, headers: Record<string, string>, seconds: number][] = [
    [200, {}, 0],
    [500, { 'retry-after': '30' }, 0],
    [429, { 'retry-after': '30' }, 30],
    [429, { 'retry-after': 'soon' }, 60],
    [429, {}, 60],
    [200, { 'x-sentry-rate-limits': '120:error:organization' }, 120],
    [429, { 'x-sentry-rate-limits': '120:transaction;session:key, 7:default;error:project' }, 7],
    [429, { 'x-sentry-rate-limits': '120:transaction:key' }, 0],
    [429, { 'x-sentry-rate-limits': '45::organization' }, 45],
    [429, { 'x-sentry-rate-limits': 'nonsense' }, 60],
  ];
  it('is silent until the date that it is told', () => {
    let now = 1_000;
    const limits = rateLimits(() => now);
    limits.heard(429, { 'retry-after': new Date(Date.now() + 90_000).toUTCString() });
    now += 60_000;
    expect(limits.isClosed).to.equal(true);
    now += 31_000;
    expect(limits.isClosed).to.equal(false);
  });

  for (const [status, headers, seconds] of answers) {
    it(`is silent for ${seconds} s after ${status} ${JSON.stringify(headers)}`, () => {
      let now = 1_000;
      const limits = rateLimits(() => now);
      limits.heard(status, headers);
      expect(limits.isClosed).to.equal(seconds > 0);
      now += seconds * 1000 - 1;
      expect(limits.isClosed).to.equal(seconds > 0);
      now += 3_000;
      expect(limits.isClosed).to.equal(false);
    });
  }

  const dsns: [text: string, url: string, host: string][] = [
    [
      'https://key@o1.ingest.sentry.io/42',
      'https://o1.ingest.sentry.io/api/42/envelope/',
      'o1.ingest.sentry.io',
    ],
    ['http://key@127.0.0.1:9000/7/', 'http://127.0.0.1:9000/api/7/envelope/', '127.0.0.1:9000'],
    [
      'https://key:old@example.com/glitch/tip/7',
      'https://example.com/glitch/tip/api/7/envelope/',
      'example.com',
    ],
  ];
  for (const [text, url, host] of dsns) {
    it(`posts to ${url} for ${text}`, () => {
      const dsn = readDsn(text, 'client');
      expect([dsn.url.href, dsn.host]).to.deep.equal([url, host]);
      expect(dsn.auth).to.include('sentry_key=key').and.not.include(host);
    });
  }

  for (const text of [
    '',
    'nonsense',
    'https://example.com/42',
    'https://key@example.com',
    'ftp://key@example.com/42',
  ]) {
    it(`knows no place in ${JSON.stringify(text)}, and does not repeat it`, () => {
      expect(() => readDsn(text, 'client')).to.throw(
        /^the DSN is not of the form https:\/\/KEY@HOST\/PROJECT$/,
      );
    });
  }

  it('reads frames of every form that Node writes, the failing call last', () => {
    const stack = [
      'Error: x',
      '    at charge (/app/pay.js:12:7)',
      '    at async Object.handle (file:///app/web.mjs:3:1)',
      '    at /app/node_modules/express/lib/router.js:9:2',
      '    at node:internal/timers:574:21',
      '    at new Promise (<anonymous>)',
    ].join('\n');
    const frames = framesOf(stack).map(({ filename, function: name, lineno, in_app: own }) => [
      filename,
      name,
      lineno,
      own,
    ]);
    expect(frames).to.deep.equal([
      ['<anonymous>', 'new Promise', undefined, false],
      ['node:internal/timers', undefined, 574, false],
      ['/app/node_modules/express/lib/router.js', undefined, 9, false],
      ['/app/web.mjs', 'Object.handle', 3, true],
      ['/app/pay.js', 'charge', 12, true],
    ]);
  });
});
