import { fileURLToPath } from 'node:url';
import { Queue, Worker } from 'bullmq';
import { getLogger, withContext } from 'sonde';

const [name, file, kind] = process.argv.slice(2);
const connection = { host: '127.0.0.1', port: 6379 };
const queue = new Queue(name, { connection });
const worker = new Worker(name, fileURLToPath(new URL(file, import.meta.url)), {
  connection,
  useWorkerThreads: kind === 'thread',
});

const ids = ['first', 'second'];
for (const id of ids) await withContext({ 'user.id': id }, () => queue.add('resize', { id }));
await queue.add('resize', { fails: true });
let left = 3;
const ended = async () => {
  left -= 1;
  if (left > 0) return;
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  getLogger('shop.main').info('all ended');
};
worker.on('completed', ended).on('failed', ended);
