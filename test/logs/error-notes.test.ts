import { inspect } from 'node:util';
import { expect } from 'chai';
import { errorNotes } from '../../src/logs/error-notes.ts';

describe('notes on errors', () => {
  it('are kept with the error, and seen by nobody else', () => {
    const error = new Error('x');
    const before = inspect(error, { showHidden: true });
    expect(errorNotes.read(error)).to.equal(undefined);
    errorNotes.open(error).fingerprint = 'f';
    expect(errorNotes.open(error)).to.eql({ fingerprint: 'f' });
    expect(inspect(error, { showHidden: true })).to.equal(before);
    expect(Reflect.ownKeys(error)).to.have.members(['stack', 'message']);
    expect(errorNotes.read(structuredClone(error))).to.equal(undefined);
  });

  it('are kept with what is frozen, sealed, a Proxy or no error, too', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const odd = [
      Object.freeze(new Error('x')),
      Object.seal({}),
      new Proxy(new Error('x'), {}),
      revoked.proxy,
      [],
    ];
    for (const object of odd) {
      errorNotes.open(object).toldIn = 'here';
      expect(errorNotes.read(object)).to.eql({ toldIn: 'here' });
    }
  });
});
