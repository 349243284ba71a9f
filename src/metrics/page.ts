/** SOCKET: the page with all metrics, for who scrapes them. Opened when somebody serves it, then kept. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { shared } from '../slot.ts';

export interface MetricsPage {
  /** Answers one request. Never rejects. */
  serve(request: IncomingMessage, response: ServerResponse): Promise<void>;
  close(): void;
}

interface State {
  open: (() => MetricsPage) | undefined;
  page: MetricsPage | undefined;
}

const state = shared<State>('metrics page', () => ({ open: undefined, page: undefined }));

/** Called by `init`: from now on the page can be opened. */
export function offerPage(open: () => MetricsPage): void {
  state.open = open;
}

/** The page of the running Sonde; none where there is none. What is measured is on it from the first call on. */
export function metricsPage(): MetricsPage | undefined {
  state.page ??= state.open?.();
  return state.page;
}

/** Called when Sonde ends. */
export function withdrawPage(): void {
  state.page?.close();
  state.page = undefined;
  state.open = undefined;
}
