/**
 * `pm2 start ecosystem.config.cjs`: each worker is an instance of its own, and one scrape of port 9464 is the sum of them, over
 * restarts and reloads, too. Lines go where pm2 keeps the app's log.
 */
module.exports = {
  apps: [
    {
      name: 'shop',
      script: 'cluster-worker.mjs',
      exec_mode: 'cluster',
      instances: 4,
      // gracefulShutdown's timeout and 2 s for what Sonde sends; pm2's own 1,600 ms cut requests off.
      kill_timeout: 12_000,
      // As a path: pm2's daemon looks from wherever it was started.
      node_args: ['--require', require.resolve('sonde/register')],
      env: {
        NODE_ENV: 'production',
        OTEL_SERVICE_NAME: 'shop',
        OTEL_METRICS_EXPORTER: 'otlp,prometheus',
        SONDE_LOG_FORMAT: 'json',
      },
    },
  ],
};
