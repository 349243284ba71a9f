import { expect } from 'chai';
import { rolloverTimes } from '../../exporters/rollover-times.ts';

const at = (text: string) => Date.parse(text);
const next = (when: string, birth: string, interval = 1) => {
  const times = rolloverTimes(when, interval, true);
  const rollover = times.next(at(birth));
  return `${new Date(rollover).toISOString()} ${times.suffix(rollover)}`;
};

describe('the times of a log file that is closed by the clock (A38)', () => {
  it('count seconds, minutes, hours and days from the birth of the file', () => {
    const birth = '2026-01-20T10:30:15.000Z';
    expect(next('S', birth, 30)).to.equal('2026-01-20T10:30:45.000Z 2026-01-20_10-30-15');
    expect(next('m', birth)).to.equal('2026-01-20T10:31:15.000Z 2026-01-20_10-30');
    expect(next('h', birth, 6)).to.equal('2026-01-20T16:30:15.000Z 2026-01-20_10');
    expect(next('D', birth)).to.equal('2026-01-21T10:30:15.000Z 2026-01-20');
  });

  it('end at midnight and carry the day that ended', () => {
    expect(next('midnight', '2026-01-20T10:30:00Z')).to.equal('2026-01-21T00:00:00.000Z 2026-01-20');
    expect(next('MIDNIGHT', '2026-01-31T00:00:00Z', 3)).to.equal('2026-02-03T00:00:00.000Z 2026-01-31');
  });

  it('end a week at the midnight after its weekday, Monday being 0', () => {
    // 2026-01-20 is a Tuesday.
    expect(next('W0', '2026-01-20T10:30:00Z')).to.equal('2026-01-27T00:00:00.000Z 2026-01-20');
    expect(next('W1', '2026-01-20T10:30:00Z')).to.equal('2026-01-21T00:00:00.000Z 2026-01-14');
    expect(next('w6', '2026-01-20T10:30:00Z', 2)).to.equal('2026-02-02T00:00:00.000Z 2026-01-19');
  });

  it('are local time by default', () => {
    const rollover = rolloverTimes('midnight').next(at('2026-06-01T12:00:00Z'));
    expect(new Date(rollover).getHours()).to.equal(0);
    expect(rollover).to.be.greaterThan(at('2026-06-01T12:00:00Z'));
  });

  it('match the names that they make, and no number', () => {
    for (const when of ['S', 'M', 'H', 'D', 'midnight', 'W3']) {
      const times = rolloverTimes(when);
      expect(times.suffix(Date.now())).to.match(times.pattern);
      expect('1').not.to.match(times.pattern);
    }
  });

  it('refuse a unit or a number that does not exist, with what they take', () => {
    expect(() => rolloverTimes('daily')).to.throw('S, M, H, D, midnight or W0 to W6');
    expect(() => rolloverTimes('H', 0)).to.throw('a whole number');
  });
});
