/** What an examination looks at, and what it may find. */
import type { Config } from '../config/config.ts';
import type { Problem } from '../config/resolve.ts';
import type { AppRun } from './app-run.ts';

/** One thing that is wrong. */
export interface Finding {
  readonly what: string;
  readonly why: string;
  /** What to type. */
  readonly line: string;
}

export interface Outcome {
  readonly findings: readonly Finding[];
  /** What was seen, well or not, for people. */
  readonly seen: readonly string[];
}

export interface Patient {
  /** The app's folder. */
  readonly folder: string;
  /** Of the app, as its command names it. */
  readonly script: string;
  readonly config: Config;
  readonly problems: readonly Problem[];
  /** Absent where no command was given. */
  readonly run?: AppRun;
}

/** SKELETON: one question. Throws nothing that is the app's fault. */
export interface Examination {
  readonly name: string;
  /** Whether it looks at a run of the app; left out where there is none. */
  readonly needsRun?: boolean;
  examine(patient: Patient): Outcome | Promise<Outcome>;
}
