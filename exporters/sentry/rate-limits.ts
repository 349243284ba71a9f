/** How long the receiver wants no errors, by its own headers. */
import type { IncomingHttpHeaders } from 'node:http';

export interface RateLimits {
  /** What an answer says about the next ones. */
  heard(status: number, headers: IncomingHttpHeaders): void;
  /** Whether nothing may be sent now. */
  readonly isClosed: boolean;
}

const defaultSeconds = 60;

export function rateLimits(now: () => number = () => performance.now()): RateLimits {
  let closedUntil = 0;

  function close(seconds: number): void {
    closedUntil = Math.max(closedUntil, now() + seconds * 1000);
  }

  return {
    get isClosed() {
      return now() < closedUntil;
    },
    heard(status, headers) {
      const limits = headers['x-sentry-rate-limits'];
      if (limits !== undefined) for (const limit of String(limits).split(',')) hearLimit(limit, close);
      else if (status === 429) close(secondsOf(headers['retry-after']));
    },
  };
}

/** `60:error;default:organization`: no category is every category. */
function hearLimit(limit: string, close: (seconds: number) => void): void {
  const [seconds = '', categories = ''] = limit.trim().split(':');
  const named = categories.split(';').filter((name) => name !== '');
  if (named.length === 0 || named.includes('error')) close(Number(seconds) || defaultSeconds);
}

function secondsOf(retryAfter: string | undefined): number {
  if (retryAfter === undefined) return defaultSeconds;
  const seconds = Number(retryAfter);
  if (Number.isFinite(seconds)) return Math.max(0, seconds);
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? defaultSeconds : Math.max(0, (date - Date.now()) / 1000);
}
