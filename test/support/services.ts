/** Real services at their standard loopback ports: a test that needs one says so. */
import net from 'node:net';

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false)).setTimeout(2_000, () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

async function requireService(test: Mocha.Context, name: string, port: number): Promise<void> {
  if (await answers(port)) return;
  const line = `${name} does not answer at 127.0.0.1:${port}`;
  if (process.env.CI === 'true') throw new Error(`${line}: under CI a skip is a failure.`);
  console.log(`    skipped: ${line}`);
  test.skip();
}

/** PostgreSQL at 127.0.0.1:5432, user `postgres`, no password. */
export function requirePostgres(test: Mocha.Context): Promise<void> {
  return requireService(test, 'PostgreSQL', 5432);
}

/** MariaDB at 127.0.0.1:3306, user `root`, empty password. */
export function requireMariadb(test: Mocha.Context): Promise<void> {
  return requireService(test, 'MariaDB', 3306);
}

/** Redis at 127.0.0.1:6379. */
export function requireRedis(test: Mocha.Context): Promise<void> {
  return requireService(test, 'Redis', 6379);
}

/** RabbitMQ at 127.0.0.1:5672, guest/guest. */
export function requireRabbitmq(test: Mocha.Context): Promise<void> {
  return requireService(test, 'RabbitMQ', 5672);
}

/** NATS at 127.0.0.1:4222, with JetStream. */
export function requireNats(test: Mocha.Context): Promise<void> {
  return requireService(test, 'NATS', 4222);
}
