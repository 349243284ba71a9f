/** Preload for child processes of the tests: arms the databases from source, prints what was seen as JSON at the end. */

import { amqplib } from '../../instrumentation/amqplib.ts';
import { betterSqlite3 } from '../../instrumentation/better-sqlite3.ts';
import { bullmq } from '../../instrumentation/bullmq.ts';
import { ioredis } from '../../instrumentation/ioredis.ts';
import { kafkajs } from '../../instrumentation/kafkajs.ts';
import { mariadb } from '../../instrumentation/mariadb.ts';
import { mongodb } from '../../instrumentation/mongodb.ts';
import { mysql } from '../../instrumentation/mysql.ts';
import { nats } from '../../instrumentation/nats.ts';
import { pg } from '../../instrumentation/pg.ts';
import { pgBoss } from '../../instrumentation/pg-boss.ts';
import { postgres } from '../../instrumentation/postgres.ts';
import { redis } from '../../instrumentation/redis.ts';
import { sqlite } from '../../instrumentation/sqlite.ts';
import { sqs } from '../../instrumentation/sqs.ts';
import { tedious } from '../../instrumentation/tedious.ts';
import { diagnostics } from '../../src/diagnostics.ts';
import { armed } from './armed.ts';

const said: string[] = [];
diagnostics.speakThrough((_level, message) => void said.push(message));
const observed = armed([
  amqplib(),
  bullmq(),
  betterSqlite3(),
  ioredis(),
  kafkajs(),
  nats(),
  mariadb(),
  mongodb(),
  mysql(),
  pg(),
  pgBoss(),
  postgres(),
  redis(),
  sqlite(),
  sqs(),
  tedious(),
]);

process.on('exit', () => {
  const spans = observed.calls().map(({ name, attributes }) => ({ name, text: attributes['db.query.text'] }));
  const { patched, missed } = observed.armed.report();
  process.stdout.write(`${JSON.stringify({ spans, patched, missed, said })}\n`);
});
