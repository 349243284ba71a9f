import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import app from './hono-app.cjs';

await app.run(Hono, createAdaptorServer);
