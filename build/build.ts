/** `npm run build`: bundle, declarations, notices. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from './bundle.ts';
import { packagesOf, writeNotices } from './notices.ts';
import { emitTypes } from './types.ts';

const root = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const modules = await bundle();
writeNotices(join(root, 'dist'), packagesOf(modules), version);
emitTypes();
