'use strict';
/** Required first of all: counts each file that Node loads after it, whoever asks and in either module system. */
const { registerHooks } = require('node:module');

const files = new Set();
registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:')) files.add(url);
    return next(url, context);
  },
});
globalThis.loadedFiles = files;
