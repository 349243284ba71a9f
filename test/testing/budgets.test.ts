/** Budgets in tests (A72): what a failure says is its whole worth. */
import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { init } from '../../src/init.ts';
import { getLogger } from '../../src/logs/logger.ts';
import type { Sonde } from '../../src/sonde.ts';
import { expectQueries, expectRequest } from '../../src/testing.ts';

const log = getLogger('shop.baskets');

function failureOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'nothing failed',
    (error: Error) => error.message,
  );
}

describe('budgets in tests (A72)', () => {
  let database: DatabaseSync;
  let sonde: Sonde;

  before(async () => {
    sonde = init({ otlp: { off: true }, logs: { console: 'off' } });
    database = new DatabaseSync(':memory:');
    database.exec('CREATE TABLE lines (id INTEGER, basket INTEGER)');
  });
  after(async () => {
    database.close();
    await sonde.shutdown();
  });

  function readLine(id: number): unknown {
    return database.prepare('SELECT * FROM lines WHERE id = ?').get(id);
  }

  async function app(request: { url?: string }, response: { end(text: string): void }): Promise<void> {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost');
    for (let id = 0; id < Number(searchParams.get('lines')); id++) readLine(id);
    const password = searchParams.get('password');
    log.info('basket read', password === null ? {} : { password });
    response.end('ok');
  }

  it('give back what the function gave when all is as wanted', async () => {
    expect(await expectQueries(1, () => readLine(1))).to.equal(undefined);
    expect(await expectQueries({ atMost: 2 }, async () => 'nothing asked')).to.equal('nothing asked');
    const { status } = await expectRequest(app, '/?lines=2').toHave({
      status: 200,
      queries: { atLeast: 1, atMost: 2 },
    });
    expect(status).to.equal(200);
  });

  it('name each statement and the place that asked, the most frequent first', async () => {
    const message = await failureOf(
      expectQueries({ atMost: 1 }, () => {
        database.exec('DELETE FROM lines');
        readLine(1);
        readLine(2);
      }),
    );
    const [title, first, second] = message.split('\n');
    expect(title).to.equal('3 queries instead of 0 to 1');
    expect(first).to.match(/^ {4}2 x SELECT lines {2}at readLine \(.*budgets\.test\.ts:\d+\)$/);
    expect(second).to.match(/^ {4}1 x DELETE lines {2}at .*budgets\.test\.ts:\d+$/);
  });

  it('pass on what the function throws', async () => {
    expect(await failureOf(expectQueries(1, () => Promise.reject(new RangeError('no'))))).to.equal('no');
  });

  it('find one statement again and again, and a secret that was masked on its way', async () => {
    const budget = { noNPlusOne: true, noSecrets: true, idsOnEveryLine: true } as const;
    await expectRequest(app, '/?lines=4').toHave(budget);
    const message = await failureOf(expectRequest(app, '/?lines=5&password=hunter2').toHave(budget));
    expect(message).to.match(
      /^GET \/\?lines=5&password=hunter2 is not as expected:\n- N\+1: one statement 5 times/,
    );
    expect(message).to.contain('- a secret in the record "basket read" of shop.baskets: password');
    expect(message).to.contain('- a secret in the span "GET": url.query');
  });

  it('find a line that lost its request', async () => {
    const lost = getLogger('shop.lost');
    const keeper = { answer: undefined as (() => void) | undefined };
    const forgetful = (_request: unknown, response: { end(): void }): void => {
      keeper.answer = () => {
        lost.info('whose?');
        response.end();
      };
    };
    const timer = setInterval(() => keeper.answer?.(), 1);
    const message = await failureOf(expectRequest(forgetful).toHave({ idsOnEveryLine: true }));
    clearInterval(timer);
    expect(message).to.contain('- no trace_id and no span_id');
    expect(message).to.contain('in the record "whose?" of shop.lost');
  });
});
