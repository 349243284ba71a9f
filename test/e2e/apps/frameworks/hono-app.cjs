const { getLogger } = require('sonde');
const { drive } = require('./drive.cjs');

exports.run = function run(Hono, createAdaptorServer) {
  const app = new Hono();
  const orders = new Hono();
  app.use(async (context, next) => {
    context.set('user', { id: 42, email: 'ann@example.com' });
    await next();
  });
  orders.get('/orders/:id', (context) => {
    context.get('log').info('looked up', { seen: context.get('correlationId') });
    return context.json({ shop: context.req.param('shop') });
  });
  app.route('/shops/:shop', orders);
  app.get('/thrown', async () => {
    throw new TypeError('broken');
  });
  app.get('/logged', () => {
    const error = new TypeError('broken');
    getLogger('shop').error('order failed', error);
    throw error;
  });
  app.get('/handled', () => {
    throw new TypeError('broken');
  });
  app.onError((_error, context) => context.json({}, context.req.path === '/handled' ? 503 : 500));
  return drive(createAdaptorServer({ fetch: app.fetch }));
};
