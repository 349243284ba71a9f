/** Alerts as files, one a mail: what Django's file-based backend is for. Written at once, in a crash, too. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Channel } from '../dispatch.ts';
import type { Alert } from './alert.ts';
import type { MailAddresses } from './mail.ts';

let written = 0;

/** `folder` is made with the first alert. Readable for the process's own user only. */
export function mailFileChannel(folder: string, addresses: MailAddresses): Channel<Alert> {
  const absolute = path.resolve(folder);
  return {
    name: `files in ${absolute}`,
    send(alert) {
      mkdirSync(absolute, { recursive: true });
      const time = new Date().toISOString().replace(/[:.]/g, '-');
      const file = path.join(absolute, `${time}-${process.pid}-${++written}.eml`);
      writeFileSync(file, messageOf(alert, addresses), { flag: 'wx', mode: 0o600 });
      return undefined;
    },
  };
}

function messageOf({ subject, text }: Alert, { to, from }: MailAddresses): string {
  const head = [
    `Subject: ${subject}`,
    `From: ${from}`,
    `To: ${to.join(', ')}`,
    `Date: ${new Date().toUTCString()}`,
  ];
  return `${head.join('\n')}\nContent-Type: text/plain; charset=utf-8\n\n${text}`;
}
