/** `DJANGO_LOG_LEVEL`, which Django's own examples give to the logger `django`; only a dictConfig asks for it (A14). */
import { environment } from '../config/env.ts';
import { advice } from '../config/nearest.ts';
import { shown } from '../config/shown.ts';
import { diagnostics } from '../diagnostics.ts';
import { levelNames } from './dict-levels.ts';
import { type Part, sectionOf } from './dict-parts.ts';
import { parseLevel } from './levels.ts';
import { nodeName } from './tree.ts';

const node = 'sonde';

/** The dict, with the variable's level for `django` (or `sonde`) where the dict names none: what it names wins. */
export function withDjangoLevel(dict: Part): Part {
  const level = environment().DJANGO_LOG_LEVEL?.trim();
  if (!level || !isLevel(level)) return dict;
  const loggers = sectionOf(dict, 'loggers');
  const [name, part] = loggers.findLast(([name]) => nodeName(name) === node) ?? ['django', undefined];
  if (part === undefined ? dict.disable_existing_loggers === true : part.level !== undefined) return dict;
  return { ...dict, loggers: { ...Object.fromEntries(loggers), [name]: { ...part, level } } };
}

function isLevel(level: string): boolean {
  if (parseLevel(level) !== undefined) return true;
  diagnostics.warnOnce(
    'logs.dict.django_log_level',
    'SONDE_ERR_ENV',
    `DJANGO_LOG_LEVEL has no effect: ${shown(level)} is no level${advice(level, levelNames)}`,
  );
  return false;
}
