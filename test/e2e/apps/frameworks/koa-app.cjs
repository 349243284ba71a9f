const { createServer } = require('node:http');
const { getLogger } = require('sonde');
const { drive } = require('./drive.cjs');

exports.run = function run(Koa, Router) {
  const app = new Koa();
  const router = new Router();
  const orders = new Router({ prefix: '/shops/:shop' });
  app.silent = true;
  app.use(async (context, next) => {
    context.state.user = { id: 42, email: 'ann@example.com' };
    try {
      await next();
    } catch (error) {
      if (context.path !== '/handled') throw error;
      context.status = 503;
      context.body = { sorry: true };
    }
  });
  orders.get('/orders/:id', (context) => {
    context.log.info('looked up', { seen: context.correlationId });
    context.body = { shop: context.params.shop };
  });
  router.get('/thrown', async () => {
    throw new TypeError('broken');
  });
  router.get('/logged', () => {
    const error = new TypeError('broken');
    getLogger('shop').error('order failed', error);
    throw error;
  });
  router.get('/handled', async () => {
    throw new TypeError('broken');
  });
  app.use(orders.routes());
  app.use(router.routes());
  return drive(createServer(app.callback()));
};
