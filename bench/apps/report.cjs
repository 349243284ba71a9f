'use strict';
const { writeSync } = require('node:fs');

/** Says what was measured, as one JSON text, on the descriptor the runner reads. */
module.exports = (report) => writeSync(3, JSON.stringify(report));
