/** The few settings that logging needs before there is a `Config`, and where there never will be one. */
import { type LogFormat, logFormats } from './config.ts';
import { type Env, environment, isTestRunner } from './env.ts';

export interface EarlyLogs {
  /** Tree syntax of `SONDE_LOG_LEVEL`, else `LOG_LEVEL`, else `info`. */
  readonly level: string;
  /** Whether lines are printed: not under a test runner unless `SONDE_LOG_LEVEL` is set, nor with the console off. */
  readonly print: boolean;
  readonly format: LogFormat;
}

/** What the environment says about logs. Wrong values are the defaults; `init` is the one to complain. */
export function earlyLogs(env: Env = environment()): EarlyLogs {
  const wanted = env.SONDE_LOG_FORMAT?.toLowerCase();
  return {
    level: env.SONDE_LOG_LEVEL || env.LOG_LEVEL || 'info',
    print:
      env.SONDE_LOG_CONSOLE?.toLowerCase() !== 'off' && (!isTestRunner(env) || Boolean(env.SONDE_LOG_LEVEL)),
    format: logFormats.find((format) => format === wanted) ?? 'auto',
  };
}

/** `NO_COLOR` and `FORCE_COLOR` as their conventions say; otherwise colours are for terminals that know them. */
export function wantsColor(isTerminal: boolean, env: Env = environment()): boolean {
  if (env.NO_COLOR) return false;
  const { FORCE_COLOR: force } = env;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return isTerminal && env.TERM !== 'dumb';
}
