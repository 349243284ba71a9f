import fastify from 'fastify';
import app from './fastify-app.cjs';

await app.run(fastify);
