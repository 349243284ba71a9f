/** The other process. It finds the request's context in the job. */
import { Worker } from 'bullmq';
import { correlationId, getLogger } from 'sonde';

const [name, connection] = process.argv.slice(2);
const log = getLogger('shop.mails');

const worker = new Worker(
  name,
  async (job) => {
    log.info('mail sent', job.data);
    return { correlationId: correlationId() };
  },
  { connection: JSON.parse(connection) },
);
worker.on('completed', async (_job, sent) => {
  await worker.close();
  process.send(sent);
  process.disconnect();
});
