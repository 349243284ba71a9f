/** Kinds of the settings of alerts. */
import { list } from './collections.ts';
import type { Kind } from './kinds.ts';

/** One address in one header: no control characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: with them one header becomes several
const address = /^[^@\u0000-\u001f\u007f]*[^@\s]@[^@\s]+$/;

export const mailAddresses: Kind<readonly string[]> = list('a mail address', 'a list of mail addresses', {
  item: (text) => (address.test(text) ? text : undefined),
});

export const mailAddress: Kind<string> = ofText('a mail address', (text) => address.test(text));

/** Single addresses, and ranges such as `10.0.0.0/8`. */
export const networks: Kind<readonly string[]> = list(
  'an address or a range',
  'a list of IP addresses and ranges',
  { item: (text) => (isNetwork(text) ? text : undefined), none: true },
);

function isNetwork(text: string): boolean {
  const [ip = '', bits, ...more] = text.split('/');
  const version = process.getBuiltinModule('node:net').isIP(ip);
  if (version === 0 || more.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}

export const smtpUrl: Kind<string> = {
  ...ofText('a URL such as smtp://user:password@host:587', (text) => isUrl(text, /^smtps?:$/)),
  secret: 'url',
};

/** Whoever knows it may write there. */
export const webhookUrl: Kind<string> = {
  ...ofText('an http(s) URL', (text) => isUrl(text, /^https?:$/)),
  secret: 'whole',
};

function isUrl(text: string, scheme: RegExp): boolean {
  const url = URL.parse(text);
  return url !== null && scheme.test(url.protocol) && url.hostname !== '';
}

function ofText(takes: string, isRight: (text: string) => boolean): Kind<string> {
  const read = (given: unknown): string | undefined =>
    typeof given === 'string' && isRight(given.trim()) ? given.trim() : undefined;
  return { takes, read, parse: (text) => ({ value: read(text) }) };
}

/** A function; only code has one. */
export const callback: Kind<(...given: any[]) => unknown> = {
  takes: 'a function',
  read: (given) => (typeof given === 'function' ? (given as (...given: any[]) => unknown) : undefined),
  parse: () => ({}),
};
