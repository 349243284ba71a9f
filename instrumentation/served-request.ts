/** One request that has been served, for those who report on it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context } from '@opentelemetry/api';
import type { UserRule } from '../src/config/config.ts';
import type { Activity } from '../src/context/activity.ts';

export interface ServedRequest {
  readonly request: IncomingMessage;
  /** None for an upgrade. */
  readonly response: ServerResponse | undefined;
  /** The context that it was served in. */
  readonly context: Context;
  readonly activity: Activity;
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly route: string | undefined;
  /** Absent when it was cut before the first byte of the response. */
  readonly status: number | undefined;
  /** Whether the response did not come to its end. */
  readonly aborted: boolean;
  /** Milliseconds, to the hundredth. */
  readonly millis: number;
  readonly userId: UserId | undefined;
  /** What its handler threw, where a framework has told. */
  readonly error: unknown;
}

/** How to read what a framework hands to its handlers for a request. */
export interface SubjectView {
  /** The id of the user, as this framework's users keep it. */
  userOf(subject: unknown): unknown;
  /** The pattern that matched. */
  routeOf(subject: unknown): string | undefined;
  errorOf?(subject: unknown): unknown;
}

export type UserId = string | number;

const longestId = 64;

/** Finds the id of a request's user: no name, no e-mail address, nothing long (A30). */
export type UserFinder = (subject: unknown, view: SubjectView) => UserId | undefined;

export function userIdBy(rule: UserRule | undefined): UserFinder {
  if (rule === false) return () => undefined;
  return (subject, view) => {
    try {
      return usableId(rule === undefined ? view.userOf(subject) : rule(subject));
    } catch {
      return undefined;
    }
  };
}

function usableId(id: unknown): UserId | undefined {
  if (typeof id === 'number') return Number.isFinite(id) ? id : undefined;
  if (typeof id === 'bigint') return usableId(String(id));
  if (typeof id !== 'string' || id === '' || id.length > longestId || id.includes('@')) return undefined;
  return id;
}
