'use strict';
/** Ids in pino's and winston's lines, as their official instrumentations put them there; nothing is sent. */
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { PinoInstrumentation } = require('@opentelemetry/instrumentation-pino');
const { WinstonInstrumentation } = require('@opentelemetry/instrumentation-winston');

const disableLogSending = process.env.BENCH_SEND !== 'yes';
const instrumentations = [
  new PinoInstrumentation({ disableLogSending }),
  new WinstonInstrumentation({ disableLogSending }),
];
new NodeSDK({ instrumentations }).start();
