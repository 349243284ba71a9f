require('./koa-app.cjs').run(require('koa'), require('@koa/router').Router);
