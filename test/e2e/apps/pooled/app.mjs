import { Agent, createServer, request } from 'node:http';
import { Pool } from 'pg';
import { getLogger } from 'sonde';
import { Pool as HttpPool, request as undiciRequest } from 'undici';
import { serve } from './service.cjs';

serve({ Agent, createServer, request, HttpPool, undiciRequest, Pool, getLogger });
