/** In CI a test that needs real servers and a loaded machine may try twice; what did is printed at the end. */
module.exports = {
  extension: ['ts'],
  timeout: 10_000,
  retries: process.env.CI ? 1 : 0,
  require: ['test/support/second-tries.ts'],
};
