import { expect } from 'chai';
import { useFreezer } from '../../src/freezer.ts';
import { wrapHandler } from '../../src/traces/handler.ts';

/** A platform that lets `flush` be asked: what it was given, in order. */
function frozen(): number[] {
  const asked: number[] = [];
  useFreezer({
    async flush(millis) {
      asked.push(millis);
    },
    queueUnfinished() {},
  });
  return asked;
}

const withTimeLeft = (millis: number) => ({
  awsRequestId: 'request-one',
  getRemainingTimeInMillis: () => millis,
});

describe('wrapHandler', () => {
  afterEach(() => useFreezer(undefined));

  for (const [left, flushed] of [
    [30_000, 2000],
    [2100, 2000],
    [600, 500],
    [60, 0],
  ] as const) {
    it(`flushes for ${flushed} ms at most where the platform leaves ${left} ms`, async () => {
      const asked = frozen();
      await wrapHandler(async () => 'done')(...([{}, withTimeLeft(left)] as unknown as []));
      expect(asked).to.deep.equal([flushed]);
    });
  }

  it('flushes for 2 s at most where the platform has no deadline', async () => {
    const asked = frozen();
    await wrapHandler(async () => 'done')();
    expect(asked).to.deep.equal([2000]);
  });

  it('flushes before a callback, a method of the context and an error, too', async () => {
    const asked = frozen();
    type Callback = (error: unknown, result?: unknown) => void;
    const answered = await new Promise((resolve) => {
      wrapHandler((_event: object, _context: object, callback: Callback) => callback(null, 7))(
        {},
        withTimeLeft(600),
        (_error, result) => resolve([result, asked.length]),
      );
    });
    expect(answered).to.deep.equal([7, 1]);
    const succeeded = await new Promise((resolve) => {
      const context = {
        ...withTimeLeft(600),
        succeed: (result: unknown) => resolve([result, asked.length]),
        fail: () => undefined,
      };
      const old = (_event: object, given: typeof context, _callback: Callback) => given.succeed(8);
      wrapHandler(old)({}, context, () => undefined);
    });
    expect(succeeded).to.deep.equal([8, 2]);
    const error = new Error('no');
    const failing = wrapHandler(() => {
      throw error;
    });
    const thrown = await Promise.resolve((failing as () => Promise<unknown>)()).catch((caught) => caught);
    expect(thrown).to.equal(error);
    expect(asked).to.have.length(3);
  });

  it('changes nothing of what a handler gives and throws where nothing freezes', () => {
    const error = new Error('no');
    expect(wrapHandler(() => 7)()).to.equal(7);
    expect(
      wrapHandler(() => {
        throw error;
      }),
    ).to.throw(error);
  });

  it('shows the runtime what it asks of a handler, and wraps it once', () => {
    const streaming = Symbol.for('aws.lambda.runtime.handler.streaming');
    const named = (_event: unknown, _stream: unknown, _context: unknown) => undefined;
    const handler = Object.assign(named, { [streaming]: 'response' });
    const wrapped = wrapHandler(handler);
    expect(wrapped).to.not.equal(handler);
    expect([wrapped.name, wrapped.length, wrapped[streaming]]).to.deep.equal(['named', 3, 'response']);
    expect(wrapHandler(wrapped)).to.equal(wrapped);
    expect(wrapHandler(5 as never)).to.equal(5);
  });

  it('calls the handler whatever the event and the context are', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('hostile');
        },
      },
    );
    const handler = wrapHandler((..._: unknown[]) => 7);
    for (const value of [undefined, null, 5, 'text', hostile, { headers: hostile }, { Records: null }]) {
      expect(handler(value, value)).to.equal(7);
    }
  });
});
