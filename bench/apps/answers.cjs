'use strict';
/** Answers each empty message with what the process has used, any other one with what `work` makes of it. */
module.exports = (work) => {
  process.on('message', async (question) => {
    if (Object.keys(question).length > 0) return process.send(await work(question));
    const { user, system } = process.cpuUsage();
    return process.send({ microseconds: user + system, rss: process.memoryUsage.rss() });
  });
  process.on('disconnect', () => process.exit());
};
