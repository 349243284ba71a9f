/** Sees when the configuration file has changed, without holding the process, and reads it again. */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { extname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { rootContext, runIn } from '../context/context.ts';
import { loadFile } from './file.ts';

/** What the file gives now; throws what reading it throws. */
export type Load = () => unknown;

export interface Watching {
  readonly file: string | undefined;
  /** Asks for the file to be read, changed or not. */
  readonly signal: NodeJS.Signals | undefined;
  /** Called when the file may say something else than before. Must not throw. */
  readonly onChange: (load: Load) => void;
}

/** Milliseconds between two looks, and for which whoever writes the file in pieces may take his time. */
const interval = 1_000;
const patience = 100;

/**
 * Asks for the file's state by its path: whoever replaces it by a rename, and Kubernetes, which turns a symbolic link
 * to another folder, is seen like one who writes into it; the inode that a watcher would hold has no news then. Gives
 * back what ends the watching.
 */
export function watchConfiguration({ file, signal, onChange }: Watching): () => void {
  let text = file === undefined ? undefined : textOf(file);
  let timer: NodeJS.Timeout | undefined;

  async function look(isAsked: boolean): Promise<void> {
    if (file === undefined) return;
    const now = textOf(file);
    if (now === text && !isAsked) return;
    text = now;
    onChange(await loadAgain(file));
  }

  function lookSoon(): void {
    clearTimeout(timer);
    timer = setTimeout(() => void look(false), patience).unref();
  }

  const lookNow = () => void look(true);
  return runIn(rootContext, () => {
    if (file !== undefined) fs.watchFile(file, { persistent: false, interval }, lookSoon);
    if (signal !== undefined) process.on(signal, lookNow);
    return () => {
      clearTimeout(timer);
      if (file !== undefined) fs.unwatchFile(file, lookSoon);
      if (signal !== undefined) process.off(signal, lookNow);
    };
  });
}

function textOf(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

let reads = 0;

/** A file that is a program would be remembered by its name: it is imported under another one. */
async function loadAgain(file: string): Promise<Load> {
  if (extname(file) === '.json') return () => loadFile(file);
  try {
    const require = createRequire(file);
    delete require.cache[require.resolve(file)];
    const loaded = await import(`${pathToFileURL(file).href}?sonde=${++reads}`);
    return () => loaded.default ?? loaded;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
