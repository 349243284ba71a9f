/** Handlers that write to people: Django's `AdminEmailHandler`, Python's `SMTPHandler`, and `alerts` (A43). */
import { diagnostics } from '../diagnostics.ts';
import { checkKeys, type Part, wrong } from './dict-parts.ts';

/** What `alertDestination` takes in each spelling but Python's. */
export const alertOptions: readonly string[] = [
  ...['adminEmails', 'serverEmail', 'email', 'webhook', 'file', 'transport', 'subjectPrefix', 'subject'],
  ...['internalIps', 'report', 'includeHtml', 'link', 'windowMillis', 'inDevelopment'],
];

const pythonCommon = ['class', '()', 'level', 'formatter', 'filters'];

/** The options of an `AdminEmailHandler`; addresses and servers stand in `alerts` of the configuration, or here. */
export function adminEmailOptions(part: Part, path: string): Part {
  const django = ['include_html', 'email_backend', 'reporter_class'];
  checkKeys(part, [...pythonCommon, ...django, ...alertOptions], path);
  const instead = { email_backend: 'file or transport', reporter_class: 'report' };
  for (const [name, ours] of Object.entries(instead)) {
    if (part[name] === undefined || part[name] === null) continue;
    const told = `${path}.${name} is Python's and has no part in alerts; \`${ours}\` does its work here.`;
    diagnostics.warnOnce(`logs.dict.${path}.${name}`, 'SONDE_ERR_OPTION', told);
  }
  const { include_html: html } = part;
  return { ...(typeof html === 'boolean' && { includeHtml: html }), ...ownOptions(part) };
}

/** What of a part is said to `alertDestination`. */
export function ownOptions(part: Part): Part {
  const said = alertOptions.filter((name) => part[name] !== undefined);
  return Object.fromEntries(said.map((name) => [name, part[name]]));
}

const smtpOptions = ['mailhost', 'fromaddr', 'toaddrs', 'subject', 'credentials', 'secure', 'timeout'];

/** The options of an `SMTPHandler`, which says all by itself. */
export function smtpHandlerOptions(part: Part, path: string): Part {
  checkKeys(part, [...pythonCommon, ...smtpOptions], path);
  const { fromaddr, toaddrs, subject, timeout } = part;
  if (typeof fromaddr !== 'string') throw wrong(`${path}.fromaddr`, 'is no mail address.');
  const to = Array.isArray(toaddrs) ? toaddrs : [toaddrs];
  if (to.length === 0 || !to.every((address) => typeof address === 'string'))
    throw wrong(`${path}.toaddrs`, 'is no list of mail addresses.');
  return {
    ...{ serverEmail: fromaddr, adminEmails: to, email: serverOf(part, path) },
    ...(typeof subject === 'string' && { subject, subjectPrefix: '' }),
    ...(typeof timeout === 'number' && timeout > 0 && { times: { attemptMillis: timeout * 1000 } }),
  };
}

/** Python speaks plain text where nobody says `secure`; with a password it is better not to. */
function serverOf({ mailhost, credentials, secure }: Part, path: string): Part {
  const [host, port = 25] = Array.isArray(mailhost) ? mailhost : [mailhost];
  if (typeof host !== 'string' || host === '') throw wrong(`${path}.mailhost`, 'is not the name of a host.');
  const [user, password] = Array.isArray(credentials) ? credentials : [];
  const isSecure = secure !== undefined && secure !== null;
  return {
    host,
    port: Number(port),
    user,
    password,
    requireTLS: isSecure,
    ignoreTLS: !isSecure && user === undefined,
  };
}
