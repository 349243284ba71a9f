'use strict';
const answers = require('./answers.cjs');

/** Listens on a free port and tells it to the runner. */
module.exports = (server) => {
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  answers();
};
