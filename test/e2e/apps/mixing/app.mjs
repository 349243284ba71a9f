import { createServer } from 'node:http';
import { Pool } from 'pg';
import { addContext, detached, getLogger } from 'sonde';
import { serve } from './service.cjs';

serve({ createServer, Pool, addContext, detached, getLogger });
