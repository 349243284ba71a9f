'use strict';
/** Listens on a free port, tells it to the runner, and answers each message with what the process has used. */
module.exports = (server) => {
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send({ microseconds: user + system, rss: process.memoryUsage.rss() });
  });
  process.on('disconnect', () => process.exit());
};
