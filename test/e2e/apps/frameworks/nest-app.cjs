const { getLogger } = require('sonde');
const { drive } = require('./drive.cjs');

/** Decorators by hand: there is no compiler here. */
function decorate(target, name, ...decorators) {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name);
  for (const decorator of decorators) decorator(target.prototype, name, descriptor);
}

exports.run = async function run({ NestFactory }, { Catch, Controller, Get, Module, Req, UseFilters }) {
  class Sorry {
    catch(_error, host) {
      host.switchToHttp().getResponse().status(503).json({ sorry: true });
    }
  }
  Catch()(Sorry);

  class Orders {
    find(request) {
      request.log.info('looked up', { seen: request.correlationId });
      return { shop: request.params.shop };
    }
    async thrown() {
      throw new TypeError('broken');
    }
    logged() {
      const error = new TypeError('broken');
      getLogger('shop').error('order failed', error);
      throw error;
    }
    handled() {
      throw new TypeError('broken');
    }
  }
  Req()(Orders.prototype, 'find', 0);
  decorate(Orders, 'find', Get('/shops/:shop/orders/:id'));
  decorate(Orders, 'thrown', Get('/thrown'));
  decorate(Orders, 'logged', Get('/logged'));
  decorate(Orders, 'handled', Get('/handled'), UseFilters(Sorry));
  Controller()(Orders);

  class App {}
  Module({ controllers: [Orders] })(App);

  const app = await NestFactory.create(App, { logger: false });
  app.use((request, _response, next) => {
    request.user = { id: 42, email: 'ann@example.com' };
    next();
  });
  await app.listen(0, '127.0.0.1');
  return drive(app.getHttpServer(), () => app.close());
};
