/** A pg-boss at the real PostgreSQL, in a schema that stays. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** Started; `close()` removes the jobs that are left in its queues and stops it at once. */
export async function startedBoss(): Promise<any> {
  const PgBoss = require('pg-boss');
  const options = { schema: 'sonde_boss', supervise: false, schedule: false };
  const boss = new PgBoss({ host: '127.0.0.1', user: 'postgres', database: 'postgres', ...options });
  const queues: string[] = [];
  const { createQueue } = boss;
  boss.createQueue = (name: string, ...rest: unknown[]) => {
    queues.push(name);
    return createQueue(name, ...rest);
  };
  boss.on('error', () => {});
  boss.close = async () => {
    for (const name of queues) {
      await boss.offWork(name);
      for (let tries = 0; tries < 200 && !(await isRemoved(boss, name)); tries++) {
        await new Promise((done) => setTimeout(done, 20));
      }
    }
    await boss.stop({ graceful: false });
  };
  return boss.start();
}

/** A worker writes down how its last job has ended after the job's end, maybe after the jobs are gone. */
async function isRemoved(boss: any, name: string): Promise<boolean> {
  try {
    await boss.getDb().executeSql('DELETE FROM sonde_boss.job WHERE name = $1', [name]);
    await boss.deleteQueue(name);
    return true;
  } catch {
    return false;
  }
}
