import { createServer } from 'node:http';
import { pipeline, Writable } from 'node:stream';
import { getLogger, withSpan } from 'sonde';
import { serve } from './service.cjs';

serve({ createServer, pipeline, Writable, getLogger, withSpan });
