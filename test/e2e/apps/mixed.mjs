import { createRequire } from 'node:module';
import { getLogger } from 'sonde';
import { run } from './scenario.cjs';

const { createServer, get } = await import('node:http');
const { Pool } = createRequire(import.meta.url)('pg');
await run({ createServer, get, Pool, getLogger });
