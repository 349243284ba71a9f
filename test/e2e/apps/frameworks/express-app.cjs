const { createServer } = require('node:http');
const { getLogger } = require('sonde');
const { drive } = require('./drive.cjs');

exports.run = function run(express) {
  const app = express();
  const orders = express.Router({ mergeParams: true });
  app.use((request, _response, next) => {
    request.user = { id: 42, email: 'ann@example.com' };
    next();
  });
  orders.get('/:id', (request, response) => {
    request.log.info('looked up', { seen: request.correlationId });
    response.json({ shop: request.params.shop });
  });
  app.use('/shops/:shop/orders', orders);
  app.get('/thrown', () => {
    throw new TypeError('broken');
  });
  app.get('/logged', (_request, _response, next) => {
    const error = new TypeError('broken');
    getLogger('shop').error('order failed', error);
    next(error);
  });
  app.get('/handled', (_request, _response, next) => next(new TypeError('broken')));
  app.use((error, request, response, next) => {
    if (request.path !== '/handled') return next(error);
    response.status(503).json({ sorry: true });
  });
  app.set('env', 'test');
  return drive(createServer(app));
};
