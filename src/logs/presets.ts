/** The lines of other loggers, by name: read when one is asked for. */
import { djangoFormat } from './django-format.ts';
import { ecsFormat } from './ecs-format.ts';
import type { Format, JsonFormatOptions } from './json-format.ts';
import { pinoFormat } from './pino-format.ts';
import { structlogFormat } from './structlog-format.ts';

type PresetName = 'django' | 'ecs' | 'pino' | 'structlog';

export const presets: Readonly<Record<PresetName, (options: JsonFormatOptions) => Format>> = {
  django: djangoFormat,
  ecs: ecsFormat,
  pino: pinoFormat,
  structlog: structlogFormat,
};
