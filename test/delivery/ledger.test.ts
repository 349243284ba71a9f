import { expect } from 'chai';
import { Ledger } from '../../src/delivery/ledger.ts';

describe('the ledger of volume', () => {
  let ledger: Ledger;
  beforeEach(() => {
    ledger = new Ledger();
  });

  it('sums up by name, the largest first', () => {
    ledger.add('a', 1, 10);
    ledger.add('b', 2, 50);
    ledger.add('a', 1, 20);
    expect(ledger.shares()).to.deep.equal([
      { name: 'b', records: 2, bytes: 50 },
      { name: 'a', records: 2, bytes: 30 },
    ]);
  });

  it('looks back one hour, which is twelve turns', () => {
    const names = () => ledger.shares().map(({ name }) => name);
    ledger.add('old', 1, 10);
    for (let i = 0; i < 6; i++) ledger.turn();
    ledger.add('young', 1, 10);
    for (let i = 0; i < 5; i++) ledger.turn();
    expect(names()).to.have.members(['old', 'young']);
    ledger.turn();
    expect(names()).to.deep.equal(['young']);
    for (let i = 0; i < 6; i++) ledger.turn();
    expect(names()).to.deep.equal([]);
  });

  it('shows twenty names and the rest as one, so that the shares add up', () => {
    for (let i = 0; i < 5_000; i++) ledger.add(`name ${i}`, 1, 10);
    ledger.add('large', 1, 100_000);
    ledger.add('name 7', 1, 10_000);
    const shares = ledger.shares();
    expect(shares).to.have.length(21);
    expect(shares[0]).to.deep.equal({ name: 'name 7', records: 2, bytes: 10_010 });
    expect(shares.at(-1)!.name).to.equal('(others)');
    expect(shares.reduce((sum, { records }) => sum + records, 0)).to.equal(5_002);
    expect(shares.reduce((sum, { bytes }) => sum + bytes, 0)).to.equal(160_000);
  });
});
