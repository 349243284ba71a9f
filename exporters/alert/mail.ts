/** Alerts as mails, by the app's own nodemailer (A43). */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { SondeError } from '../../src/errors.ts';
import { loadOfApp } from '../../src/load.ts';
import { type Channel, RefusedError } from '../dispatch.ts';
import type { Alert } from './alert.ts';

/** Where the mail server is, and how it is spoken to. */
export interface SmtpOptions {
  /** `localhost` by default. */
  readonly host?: string;
  /** 25 by default, 465 with `secure`. */
  readonly port?: number;
  /** TLS from the first byte (465). Else STARTTLS is used where the server offers it. */
  readonly secure?: boolean;
  /** Sends nothing before STARTTLS: Python's `secure`. */
  readonly requireTLS?: boolean;
  /** Stays in plain text, whatever the server offers. */
  readonly ignoreTLS?: boolean;
  readonly user?: string;
  readonly password?: string;
}

export interface MailAddresses {
  readonly to: readonly string[];
  readonly from: string;
}

/** The part of nodemailer that is used: the same since its version 4. */
interface Nodemailer {
  createTransport(options: object): { sendMail(mail: object): Promise<unknown> };
}

type Handover = (error: Error | null, socket?: object) => void;

const connectMillis = 2000;
/** Beyond every attempt: an attempt is ended by its signal. */
const silenceMillis = 30_000;

export function mailChannel(smtp: SmtpOptions, { to, from }: MailAddresses): Channel<Alert> {
  const { secure = false, host = 'localhost', port = secure ? 465 : 25 } = smtp;
  let transport: ReturnType<Nodemailer['createTransport']> | undefined;
  let current: AbortSignal = AbortSignal.abort();

  /** Its timers hold the process as long as they like; sockets of our own, past the greeting, do not. */
  const getSocket = (_options: object, handOver: Handover): void => {
    openSocket({ host, port, secure }, current).then(
      (connection) => handOver(null, { connection, secured: secure }),
      (error) => handOver(error),
    );
  };

  function made(): ReturnType<Nodemailer['createTransport']> {
    const { user, password, requireTLS, ignoreTLS } = smtp;
    return loadNodemailer().createTransport({
      ...{ host, port, secure, requireTLS, ignoreTLS, getSocket },
      ...(user !== undefined && { auth: { user, pass: password } }),
      connectionTimeout: silenceMillis,
      greetingTimeout: connectMillis,
      socketTimeout: silenceMillis,
      disableFileAccess: true,
      disableUrlAccess: true,
    });
  }

  return {
    name: `mail by ${host}:${port}`,
    async send({ subject, text, html }: Alert, signal) {
      transport ??= made();
      current = signal;
      const headers = { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' };
      await transport.sendMail({ from, to: [...to], subject, text, html, headers }).catch(refusal);
    },
  };
}

/** The server has said for good that it will not: a code of 500 and above. */
function refusal(error: Error & { responseCode?: number }): never {
  if ((error.responseCode ?? 0) >= 500) throw new RefusedError(error.message, { cause: error });
  throw error;
}

function loadNodemailer(): Nodemailer {
  try {
    const found = loadOfApp('nodemailer') as { default?: Nodemailer };
    return (found.default ?? found) as Nodemailer;
  } catch (error) {
    throw new SondeError('SONDE_ERR_NODEMAILER', 'nodemailer cannot be loaded.', error);
  }
}

type Server = Required<Pick<SmtpOptions, 'host' | 'port' | 'secure'>>;

/** A connection whose server has said its first word. It does not hold the process, and goes with `signal`. */
async function openSocket({ host, port, secure }: Server, signal: AbortSignal): Promise<net.Socket> {
  const servername = net.isIP(host) ? undefined : host;
  const socket = secure ? tls.connect({ host, port, servername }) : net.connect({ host, port });
  socket.unref();
  const cut = () => socket.destroy(new Error('cut off'));
  signal.addEventListener('abort', cut);
  socket.once('close', () => signal.removeEventListener('abort', cut));
  const tooLate = () => socket.destroy(new Error(`no connection within ${connectMillis} ms`));
  const timer = setTimeout(tooLate, connectMillis).unref();
  try {
    await once(socket, secure ? 'secureConnect' : 'connect');
    clearTimeout(timer);
    await once(socket, 'readable');
    return socket;
  } catch (error) {
    clearTimeout(timer);
    socket.destroy();
    throw error;
  }
}
