/** The order service: node:http in front, node:sqlite behind, and one call to the payment service. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { json } from 'node:stream/consumers';
import { getLogger } from 'sonde';

interface Order {
  item: string;
  cents: number;
  card: string;
}

const log = getLogger('shop.orders');
const paymentUrl = `${process.env.PAYMENT_URL}/charges?api_key=sk_live_51Hq`;

const database = new DatabaseSync(':memory:');
database.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, cents INTEGER, status TEXT)');
const insert = database.prepare("INSERT INTO orders (item, cents, status) VALUES (?, ?, 'open')");
const settle = database.prepare('UPDATE orders SET status = ? WHERE id = ?');
const find = database.prepare('SELECT id, item, cents, status FROM orders WHERE id = ?');

async function create(order: Order): Promise<[number, unknown]> {
  const id = Number(insert.run(order.item, order.cents).lastInsertRowid);
  log.info('order received', { order: id, item: order.item });
  try {
    await charge(id, order);
    settle.run('paid', id);
    log.info('order paid', { order: id });
    return [201, { id, status: 'paid' }];
  } catch (error) {
    settle.run('failed', id);
    log.error('order failed', error, { order: id });
    return [502, { id, status: 'failed' }];
  }
}

async function charge(id: number, { cents, card }: Order): Promise<void> {
  const response = await fetch(paymentUrl, {
    method: 'POST',
    body: JSON.stringify({ order: id, cents, card }),
  });
  if (!response.ok) throw new Error(`payment service answered ${response.status}`);
}

function show(id: number): [number, unknown] {
  const order = find.get(id);
  return order ? [200, order] : [404, { error: 'no such order' }];
}

const server = http.createServer(async (request, response) => {
  const answer =
    request.method === 'POST'
      ? await create((await json(request)) as Order)
      : show(Number(request.url?.split('/').at(-1)));
  response.writeHead(answer[0], { 'content-type': 'application/json' });
  response.end(JSON.stringify(answer[1]));
});

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  log.info('listening', { port: (server.address() as AddressInfo).port });
});
