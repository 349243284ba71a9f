/** Where a DSN points: `https://KEY@HOST/PROJECT`. */

export interface Dsn {
  /** Where envelopes are posted. */
  readonly url: URL;
  /** For Sonde's own words: the host, nothing secret. */
  readonly host: string;
  /** `X-Sentry-Auth`. */
  readonly auth: string;
}

/** Throws for a text that is none; the message does not quote it, since it holds a key. */
export function readDsn(text: string, client: string): Dsn {
  const given = URL.parse(text);
  const [, path = '', project] = /^(.*)\/([^/]+)\/?$/.exec(given?.pathname ?? '') ?? [];
  if (given === null || !/^https?:$/.test(given.protocol) || given.username === '' || project === undefined)
    throw new Error('the DSN is not of the form https://KEY@HOST/PROJECT');
  const secret = given.password === '' ? '' : `, sentry_secret=${given.password}`;
  return {
    url: new URL(`${path}/api/${project}/envelope/`, given.origin),
    host: given.host,
    auth: `Sentry sentry_version=7, sentry_client=${client}, sentry_key=${given.username}${secret}`,
  };
}
