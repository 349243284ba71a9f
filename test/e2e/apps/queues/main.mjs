import { extract, getLogger } from 'sonde';

const [library, role, queue] = process.argv.slice(2);
const log = getLogger('shop.mail');
const { open, send, work, close } = await import(`./${library}.mjs`);
const asked = { 'x-correlation-id': 'web-42', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` };

await open(queue);
if (role === 'sender') {
  await extract(asked, () => send(queue));
  await close();
} else {
  await work(queue, (text) => {
    log.info(`mail sent: ${text}`);
    // The library has to be through with the message first.
    setTimeout(close, 200, queue);
  });
}
