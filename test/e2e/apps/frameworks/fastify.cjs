require('./fastify-app.cjs').run(require('fastify'));
