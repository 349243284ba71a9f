'use strict';
/** The smallest official set-up that an HTTP service gets by: NodeSDK with one instrumentation. */
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http');

new NodeSDK({ instrumentations: [new HttpInstrumentation()] }).start();
