/** Mail servers and addresses as people write them. */
import type { MailAddresses, SmtpOptions } from './mail.ts';

/** `smtp://user:password@host:587`, `smtps://host`; the options themselves as they are. Throws for another URL. */
export function smtpOf(given: string | SmtpOptions = {}): SmtpOptions {
  if (typeof given !== 'string') return given;
  const url = URL.parse(given.includes('://') ? given : `smtp://${given}`);
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '') {
    throw new Error('email is not a URL such as smtp://mail.example.com:587');
  }
  const { hostname, port, username, password } = url;
  return {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? undefined : Number(port),
    secure: url.protocol === 'smtps:',
    user: username === '' ? undefined : decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

/** Throws for what would be more than an address in a header. */
export function addressesOf(
  to: readonly (string | readonly [name: string, address: string])[],
  from = 'root@localhost',
): MailAddresses {
  return { to: to.map(addressOf), from: addressOf(from) };
}

function addressOf(given: string | readonly [name: string, address: string]): string {
  const [name, address] = typeof given === 'string' ? ['', given] : given;
  const text = name === '' ? address : `"${name.replace(/["\\]/g, '')}" <${address}>`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: with them one header becomes several
  if (/[\u0000-\u001f\u007f]/.test(text) || !/^[^@]*[^@\s]@[^@\s]+$/.test(text.trim())) {
    throw new Error(`${JSON.stringify(text.slice(0, 100))} is no mail address`);
  }
  return text.trim();
}
