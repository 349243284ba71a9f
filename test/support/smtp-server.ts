/** A real mail server on a free port: keeps every message as it came over the wire. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { SMTPServer } from 'smtp-server';

export interface Mail {
  readonly from: string;
  readonly to: readonly string[];
  /** Head and body, line ends as `\n`. */
  readonly raw: string;
  /** A header's value, unfolded and decoded. */
  header(name: string): string | undefined;
  /** The body as text, whatever its transfer encoding. */
  readonly text: string;
}

export interface MailServer {
  readonly port: number;
  readonly mails: readonly Mail[];
  /** How many connections there were. */
  readonly connections: number;
  close(): Promise<void>;
}

export interface MailServerOptions {
  /** What is answered to a message in place of taking it. */
  readonly refuse?: () => (Error & { responseCode?: number }) | undefined;
  readonly login?: readonly [user: string, password: string];
}

export async function startMailServer({ refuse, login }: MailServerOptions = {}): Promise<MailServer> {
  const mails: Mail[] = [];
  let connections = 0;
  const server = new SMTPServer({
    authOptional: login === undefined,
    allowInsecureAuth: true,
    disabledCommands: login === undefined ? ['AUTH', 'STARTTLS'] : ['STARTTLS'],
    onConnect(_session, callback) {
      connections++;
      callback();
    },
    onAuth({ username, password }, _session, callback) {
      if (username === login?.[0] && password === login?.[1]) callback(null, { user: username });
      else callback(new Error('wrong user or password'));
    },
    onData(stream, session, callback) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope;
        const error = refuse?.();
        const from = mailFrom === false ? '' : mailFrom.address;
        if (error === undefined) {
          mails.push(
            mailOf(
              from,
              rcptTo.map(({ address }) => address),
              Buffer.concat(chunks).toString('utf8'),
            ),
          );
        }
        callback(error ?? null);
      });
    },
  });
  server.on('error', () => undefined);
  const listening = server.listen(0, '127.0.0.1');
  await once(listening, 'listening');
  return {
    port: (listening.address() as AddressInfo).port,
    mails,
    get connections() {
      return connections;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function mailOf(from: string, to: readonly string[], wire: string): Mail {
  const raw = wire.replaceAll('\r\n', '\n');
  const [head = '', ...rest] = raw.split('\n\n');
  const unfolded = head.replace(/\n[ \t]+/g, ' ');
  const header = (name: string): string | undefined => {
    const line = unfolded
      .split('\n')
      .find((each) => each.toLowerCase().startsWith(`${name.toLowerCase()}: `));
    return line && decodedWords(line.slice(name.length + 2));
  };
  const body = rest.join('\n\n');
  const encoding = header('Content-Transfer-Encoding');
  return { from, to, raw, header, text: encoding === 'base64' ? fromBase64(body) : fromQuoted(body) };
}

function fromBase64(body: string): string {
  return Buffer.from(body, 'base64').toString('utf8').replaceAll('\r\n', '\n');
}

function fromQuoted(body: string): string {
  const bytes = body
    .replace(/=\n/g, '')
    .replace(/=([\dA-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** RFC 2047, as far as it is written by nodemailer. */
function decodedWords(value: string): string {
  return value
    .replace(/\?= =\?/g, '?==?')
    .replace(/=\?utf-8\?([qb])\?([^?]*)\?=/gi, (_, kind: string, text: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(text, 'base64').toString('utf8')
        : fromQuoted(text.replaceAll('_', ' ')),
    );
}
