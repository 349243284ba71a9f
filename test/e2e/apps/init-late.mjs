import { createServer, get } from 'node:http';
import { Pool } from 'pg';
import { getLogger, init } from 'sonde';
import { run } from './scenario.cjs';

init();
await run({ createServer, get, Pool, getLogger });
