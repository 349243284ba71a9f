import { createServer, get } from 'node:http';
import { Pool } from 'pg';
import { getLogger } from 'sonde';
import { run } from './scenario.cjs';

await run({ createServer, get, Pool, getLogger });
