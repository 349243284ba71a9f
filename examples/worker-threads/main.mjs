/**
 * A request that hands its work to a worker thread: the lines written over there carry the request's ids.
 *
 *     node --import sonde/register main.mjs
 */
import { once } from 'node:events';
import http from 'node:http';
import { Worker } from 'node:worker_threads';
import { getLogger, inject } from 'sonde';

const log = getLogger('shop.images');
const worker = new Worker(new URL('./resize.mjs', import.meta.url));

const server = http.createServer(async (request, response) => {
  log.info('image asked');
  const context = {};
  inject(context);
  worker.postMessage({ image: request.url.slice(1), context });
  const [answer] = await once(worker, 'message');
  response.end(JSON.stringify(answer));
});

server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/cat.png`;
  const response = await fetch(url, { headers: { 'X-Correlation-ID': 'upload-7' } });
  const { correlationId } = await response.json();
  console.log(`\nThe worker thread wrote its line under ${correlationId}, the id the request came with.`);
  server.close();
  worker.postMessage('end');
});
