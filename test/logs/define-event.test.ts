import { expect } from 'chai';
import { defineEvent, getLogger, mask } from '../../src/index.ts';
import { setLevel } from '../../src/logs/tree.ts';
import { captured } from './captured.ts';

interface OrderCreated {
  readonly orderId: number;
  readonly total?: string;
}

describe('typed events', () => {
  it('are records with the name of the event and its fields', () => {
    const orderCreated = defineEvent<OrderCreated>('order_created');
    const [record] = captured(() => orderCreated({ orderId: 1042, total: '149.99' }));
    expect(record).to.include({ eventName: 'order_created', message: 'order_created', level: 'INFO' });
    expect(record?.logger).to.equal('events');
    expect(record?.fields).to.eql({ orderId: 1042, total: '149.99' });
  });

  it('are those of a logger, with what it has bound', () => {
    const paid = defineEvent<{ amount: number }>('paid', getLogger('shop.pay').with({ tenant: 'acme' }));
    const [record] = captured(() => paid({ amount: 7 }));
    expect(record).to.include({ logger: 'shop.pay', eventName: 'paid' });
    expect(record?.bound).to.eql({ tenant: 'acme' });
  });

  it('check nothing at run time, never throw, and build fields only for a record', () => {
    const orderCreated = defineEvent<OrderCreated>('order_created') as (fields?: unknown) => void;
    const records = captured(() => {
      for (const odd of [undefined, null, { orderId: 'no number' }, 42, 'text']) orderCreated(odd);
    });
    expect(records).to.have.length(5);
    let built = 0;
    setLevel('events', 'warn');
    captured(() => orderCreated(() => ({ orderId: ++built })));
    setLevel('events', undefined);
    expect(built).to.equal(0);
  });

  it('may have no fields', () => {
    expect(captured(() => defineEvent('started')())[0]?.eventName).to.equal('started');
  });
});

describe('mask (A63)', () => {
  it('hides all where the key is none, and never throws', () => {
    expect(mask.hash(undefined as never)('ada@example.com')).to.equal('[REDACTED]');
  });

  it('is exported, and deterministic per key', () => {
    const byCustomer = mask.hash('a key');
    expect(byCustomer('ada@example.com')).to.equal(mask.hash('a key')('ada@example.com'));
    expect(byCustomer('ada@example.com')).not.to.equal(mask.hash('another')('ada@example.com'));
    const [record] = captured(() =>
      getLogger('shop').info('charged', { card: mask.last4('4111 1111 1111 1234') }),
    );
    expect(record?.fields).to.eql({ card: '****1234' });
  });
});
