const { getLogger } = require('sonde');

const log = getLogger('shop.images');
log.info('ready');

module.exports = async ({ data }) => {
  if (data.fails) throw new RangeError('no image');
  await new Promise((done) => setTimeout(done, 5));
  log.info('resized', { image: data.id });
};
