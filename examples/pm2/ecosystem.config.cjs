/** `pm2 start ecosystem.config.cjs`: each worker is an instance of its own, as with `node:cluster`. */
module.exports = {
  apps: [
    {
      name: 'shop',
      script: 'cluster-worker.mjs',
      exec_mode: 'cluster',
      instances: 4,
      // gracefulShutdown's timeout and 2 s for what Sonde sends; pm2's own 1,600 ms cut requests off.
      kill_timeout: 12_000,
      node_args: '--require sonde/register',
      env: {
        NODE_ENV: 'production',
        OTEL_SERVICE_NAME: 'shop',
        SONDE_LOG_FORMAT: 'json',
      },
    },
  ],
};
