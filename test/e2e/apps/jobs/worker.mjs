import { Worker } from 'bullmq';
import pg from 'pg';
import { getLogger } from 'sonde';

const [name] = process.argv.slice(2);
const log = getLogger('shop.mail');
const pool = new pg.Pool({ host: '127.0.0.1', user: 'postgres', database: 'postgres' });
const connection = { host: '127.0.0.1', port: 6379 };

const worker = new Worker(
  name,
  async ({ data }) => {
    log.info('mail sent', data);
    await pool.query('SELECT 1 FROM pg_class LIMIT 1');
  },
  { connection },
);
worker.on('completed', async () => {
  await worker.close();
  await pool.end();
});
