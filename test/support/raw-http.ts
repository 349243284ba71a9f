/** HTTP by the byte, so that a test decides what travels in which packet. */
import { once } from 'node:events';
import http, { type RequestListener, type Server } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Running {
  readonly server: Server;
  readonly port: number;
  close(): Promise<void>;
}

/** Starts `server` (or a server with this listener) on a free loopback port. */
export async function listen(serverOrListener: Server | RequestListener): Promise<Running> {
  const server =
    typeof serverOrListener === 'function' ? http.createServer(serverOrListener) : serverOrListener;
  // Upgraded sockets are no longer the server's to close.
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => void sockets.add(socket));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

export interface Wire {
  readonly socket: Socket;
  send(...packets: (string | Buffer)[]): Promise<void>;
  /** Everything received, once `isComplete` holds of it or the peer has ended. */
  read(isComplete: (text: string) => boolean): Promise<string>;
}

/** A connection. Several packets of one `send` leave 20 ms apart. */
export async function connect(port: number): Promise<Wire> {
  const socket = net.connect(port, '127.0.0.1').setNoDelay(true);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  await once(socket, 'connect');
  return {
    socket,
    async send(...packets) {
      for (const [at, packet] of packets.entries()) {
        if (at > 0) await sleep(20);
        socket.write(packet);
      }
    },
    async read(isComplete) {
      while (!isComplete(text) && !socket.readableEnded && !socket.destroyed) await sleep(2);
      return text;
    },
  };
}

/** One request on a connection of its own, closed by the server; the whole answer. */
export async function rawRequest(
  port: number,
  head: string,
  ...bodyPackets: (string | Buffer)[]
): Promise<string> {
  const wire = await connect(port);
  await wire.send(`${head}\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n\r\n`, ...bodyPackets);
  const text = await wire.read(() => false);
  wire.socket.destroy();
  return text;
}

/** The values of every header of this name, as they went over the wire: `Name: value`. */
export function headerLines(text: string, name: string): string[] {
  const head = text.slice(0, text.indexOf('\r\n\r\n'));
  return head.split('\r\n').filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}:`));
}
