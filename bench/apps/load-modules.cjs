'use strict';
/** Loads one folder of modules, required or imported, and says what that took. */
const report = require('./report.cjs');

const before = process.cpuUsage();
const loading = process.argv[2].endsWith('.mjs') ? import(process.argv[2]) : require(process.argv[2]);
Promise.resolve(loading).then(() => {
  const { user, system } = process.cpuUsage(before);
  report({ milliseconds: (user + system) / 1000 });
  process.exit();
});
