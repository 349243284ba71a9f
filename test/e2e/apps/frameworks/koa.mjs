import { Router } from '@koa/router';
import Koa from 'koa';
import app from './koa-app.cjs';

await app.run(Koa, Router);
