require('./nest-app.cjs').run(require('@nestjs/core'), require('@nestjs/common'));
