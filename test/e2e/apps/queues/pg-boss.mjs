import PgBoss from 'pg-boss';

const options = { schema: 'sonde_boss', supervise: false, schedule: false };
const boss = new PgBoss({ host: '127.0.0.1', user: 'postgres', database: 'postgres', ...options });

export async function open(queue) {
  await boss.start();
  await boss.createQueue(queue);
}
export const send = (queue) => boss.send(queue, { text: 'tea' });
export const work = (queue, handle) => boss.work(queue, async ([job]) => handle(job.data.text));
export async function close(queue) {
  if (queue !== undefined) {
    await boss.getDb().executeSql('DELETE FROM sonde_boss.job WHERE name = $1', [queue]);
    await boss.deleteQueue(queue);
  }
  await boss.stop();
}
