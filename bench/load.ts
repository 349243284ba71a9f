/** A load generator in a process of its own: keep-alive sockets, one request at a time on each. */
import net from 'node:net';

const request = 'GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n';

interface Window {
  port: number;
  milliseconds: number;
  connections: number;
}

/** Keeps the sockets busy until the window is over; resolves with the number of answers. */
async function drive({ port, milliseconds, connections }: Window): Promise<number> {
  const end = performance.now() + milliseconds;
  const answers = await Promise.all(Array.from({ length: connections }, () => converse(port, end)));
  return answers.reduce((sum, each) => sum + each, 0);
}

function converse(port: number, end: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(request));
    let answers = 0;
    let rest = '';
    socket.setNoDelay(true).setEncoding('latin1').on('error', reject);
    socket.on('data', (chunk) => {
      rest += chunk;
      const length = responseLength(rest);
      if (rest.length < length) return;
      rest = rest.slice(length);
      answers++;
      if (performance.now() < end) socket.write(request);
      else {
        socket.destroy();
        resolve(answers);
      }
    });
  });
}

/** How many characters the first response in `text` takes; Infinity while its head is incomplete. */
function responseLength(text: string): number {
  const head = text.indexOf('\r\n\r\n');
  if (head < 0) return Number.POSITIVE_INFINITY;
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`unexpected answer: ${text.slice(0, 80)}`);
  const length = /content-length: (\d+)/i.exec(text);
  return head + 4 + Number(length?.[1] ?? Number.NaN);
}

process.on('message', async (window: Window) => process.send!({ requests: await drive(window) }));
process.on('disconnect', () => process.exit());
process.send!({});
