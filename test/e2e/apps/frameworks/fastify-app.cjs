const { getLogger } = require('sonde');
const { drive } = require('./drive.cjs');

exports.run = async function run(fastify) {
  const app = fastify();
  app.decorateRequest('user', null);
  app.addHook('onRequest', async (request) => {
    request.user = { id: 42, email: 'ann@example.com' };
  });
  app.register(
    async (orders) => {
      orders.get('/orders/:id', async (request) => {
        request.log.info('looked up', { seen: request.correlationId });
        return { shop: request.params.shop };
      });
    },
    { prefix: '/shops/:shop' },
  );
  app.get('/thrown', async () => {
    throw new TypeError('broken');
  });
  app.get('/logged', async () => {
    const error = new TypeError('broken');
    getLogger('shop').error('order failed', error);
    throw error;
  });
  app.register(async (handled) => {
    handled.setErrorHandler((_error, _request, reply) => reply.code(503).send({ sorry: true }));
    handled.get(
      '/handled',
      { preHandler: async () => Promise.reject(new TypeError('broken')) },
      () => 'never',
    );
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  return drive(app.server, () => app.close());
};
