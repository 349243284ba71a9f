import { DatabaseSync } from 'node:sqlite';
import { getLogger } from 'sonde';

const log = getLogger('shop.orders');

export async function GET() {
  const rows = new DatabaseSync(':memory:').prepare('SELECT 1 AS one').all();
  await new Promise((done) => setTimeout(done, 1));
  log.info('orders read');
  return Response.json(rows);
}
