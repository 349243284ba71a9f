import { expect } from 'chai';
import fc from 'fast-check';
import { createDestinations } from '../../src/context/destinations.ts';

const inHouse = [
  ...[
    'localhost',
    'LOCALHOST:3000',
    'api.localhost',
    '127.0.0.1',
    '127.1.2.3:80',
    '[::1]:8080',
    '::1',
    '0.0.0.0',
  ],
  ...[
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1:443',
    '::ffff:10.0.0.1',
    'fd12::7',
    '[fe80::1%eth0]:80',
  ],
  ...[
    'payments',
    'payments:8080',
    'redis_1',
    'db-0',
    'pay.shop.svc',
    'pay.shop.svc.cluster.local',
    'printer.local',
  ],
  ...['ip-10-0-0-7.ec2.internal', 'payments.', '', 'face'],
];
const outside = [
  ...[
    'api.example.com',
    'api.example.com:8443',
    'example.com.',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '11.0.0.1',
  ],
  ...[
    '169.254.169.254',
    '100.64.0.1',
    '2001:db8::1',
    '[2606:4700::1111]:443',
    '::ffff:8.8.8.8',
    'notlocal'.concat('.io'),
  ],
  ...[
    '134744072',
    '0x8080808',
    '127.0.0.1.example.com',
    'localhost.example.com',
    'svc.com',
    'a b',
    'a@b',
    'ex\u0430mple.com',
  ],
];

describe('SONDE_PROPAGATE_TO', () => {
  const byDefault = createDestinations([]);
  for (const host of inHouse) {
    it(`lets the correlation id and baggage go to ${JSON.stringify(host)}`, () => {
      expect(byDefault(host)).to.equal(true);
    });
  }
  for (const host of outside) {
    it(`keeps them from ${JSON.stringify(host)}`, () => expect(byDefault(host)).to.equal(false));
  }

  it('widens to one host, with or without port, and not to those below it', () => {
    const allowed = createDestinations(['API.example.com']);
    expect(allowed('api.example.com:443')).to.equal(true);
    expect(allowed('v2.api.example.com')).to.equal(false);
    expect(allowed('localhost')).to.equal(true);
  });

  for (const entry of ['.example.com', '*.example.com']) {
    it(`widens to every name below by ${entry}`, () => {
      const allowed = createDestinations([entry]);
      expect(allowed('a.b.example.com')).to.equal(true);
      expect(allowed('example.com')).to.equal(false);
      expect(allowed('evilexample.com')).to.equal(false);
    });
  }

  it('widens to every host by *', () => {
    expect(outside.every(createDestinations(['*']))).to.equal(true);
  });

  it('narrows to no host by none, and to the named ones by none and their names', () => {
    expect(inHouse.some(createDestinations(['none']))).to.equal(false);
    const narrow = createDestinations(['none', 'payments']);
    expect([narrow('payments:80'), narrow('localhost')]).to.deep.equal([true, false]);
  });

  it('answers the same again, for more hosts than it remembers, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (host) => {
        const first = byDefault(host);
        return byDefault(host) === first;
      }),
      { numRuns: 3000 },
    );
  });
});
