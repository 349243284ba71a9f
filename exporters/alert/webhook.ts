/** Alerts as messages of a chat, or as JSON for a receiver of one's own. */
import type { Channel } from '../dispatch.ts';
import { post } from '../post.ts';
import type { Alert } from './alert.ts';

export type WebhookKind = 'slack' | 'teams' | 'generic';

export interface WebhookOptions {
  /** Whoever knows it may write there: it is told to nobody. */
  readonly url: string;
  /** By default what the host of the URL says: `hooks.slack.com`, `*.webhook.office.com`, else `generic`. */
  readonly kind?: WebhookKind;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The text of a chat's message; what is longer belongs behind the link. */
const longestText = 3_000;

/** Throws for a URL that cannot be used. */
export function webhookChannel({ url: given, kind, headers }: WebhookOptions): Channel<Alert> {
  const url = URL.parse(given);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error('the webhook is not an http(s) URL');
  const shape = bodies[kind ?? kindOf(url.hostname)];
  return {
    name: `webhook at ${url.host}`,
    async send(alert, signal) {
      const body = JSON.stringify(shape(alert));
      await post(url, { headers: { ...headers, 'content-type': 'application/json' }, body, signal });
    },
  };
}

function kindOf(host: string): WebhookKind {
  if (host === 'hooks.slack.com') return 'slack';
  return /\.webhook\.office\.com$|\.logic\.azure\.com$|\.powerplatform\.com$/.test(host)
    ? 'teams'
    : 'generic';
}

const bodies: Readonly<Record<WebhookKind, (alert: Alert) => object>> = {
  slack: ({ subject, text }) => ({ text: `*${forSlack(subject)}*\n\`\`\`${forSlack(cut(text))}\`\`\`` }),
  teams: ({ subject, text, facts: { link } }) => ({
    type: 'message',
    attachments: [
      { contentType: 'application/vnd.microsoft.card.adaptive', content: card(subject, text, link) },
    ],
  }),
  generic: ({ subject, facts }) => ({ subject, ...facts }),
};

function card(subject: string, text: string, link: string | undefined): object {
  return {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      { type: 'TextBlock', text: plain(subject), weight: 'bolder', wrap: true },
      { type: 'TextBlock', text: plain(cut(text)), fontType: 'monospace', wrap: true },
    ],
    ...(link !== undefined && { actions: [{ type: 'Action.OpenUrl', title: 'Trace', url: link }] }),
  };
}

/** Text blocks read Markdown: a link or a mention in data must not become one. */
function plain(text: string): string {
  return text.replace(/[\\*_[\]()#`<>]/g, '\\$&').replaceAll('\n', '\n\n');
}

/** Slack reads `<!channel>` and links where it finds angle brackets. */
function forSlack(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('```', "'''");
}

function cut(text: string): string {
  return (text.length > longestText ? `${text.slice(0, longestText)}…` : text).toWellFormed();
}
