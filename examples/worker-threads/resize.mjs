/** The worker thread. It has its own Sonde, since a worker inherits the preload. */
import { parentPort } from 'node:worker_threads';
import { correlationId, extract, getLogger } from 'sonde';

const log = getLogger('shop.images.resize');

parentPort.on('message', (message) => {
  if (message === 'end') return parentPort.close();
  extract(message.context, () => {
    log.info('image resized', { image: message.image });
    parentPort.postMessage({ correlationId: correlationId() });
  });
});
