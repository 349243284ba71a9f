/** The payment service: charges a card, looks twice at large sums, and sometimes the card network is down. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { setTimeout } from 'node:timers/promises';
import { getLogger } from 'sonde';

interface Charge {
  order: number;
  cents: number;
  card: string;
}

const log = getLogger('shop.payments');

async function charge({ order, cents, card }: Charge): Promise<void> {
  if (cents > 100_000) {
    log.warn('large sum, looking twice', { order, cents });
    await setTimeout(400);
  }
  await askCardNetwork(card);
  log.info('card charged', { order, cents });
}

async function askCardNetwork(card: string): Promise<void> {
  await setTimeout(20);
  if (card === 'unlucky') {
    throw new Error('card network unreachable', { cause: new Error('connect ETIMEDOUT 10.0.7.12:443') });
  }
}

const server = http.createServer(async (request, response) => {
  const body = (await json(request)) as Charge;
  try {
    await charge(body);
    response.writeHead(204).end();
  } catch (error) {
    log.error('charge failed', error, { order: body.order });
    response.writeHead(503).end();
  }
});

server.listen(Number(process.env.PORT ?? 0), '127.0.0.1', () => {
  log.info('listening', { port: (server.address() as AddressInfo).port });
});
