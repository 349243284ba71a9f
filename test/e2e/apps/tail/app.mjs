import { createServer } from 'node:http';
import { Pool } from 'pg';
import { audit, currentSpan, getLogger, init, keepTrace } from 'sonde';
import { serve } from './service.cjs';

serve({ createServer, Pool, audit, currentSpan, getLogger, init, keepTrace });
