/**
 * Targets that are ES modules hand over their own namespace: the last line of such a file, added as it is loaded,
 * does it, so that what the file exports is patched before anyone who imports it runs. The namespace itself cannot be
 * changed; the classes and objects in it can.
 */
import Module from 'node:module';

interface Loaded {
  readonly format?: string | null;
  readonly source?: unknown;
}
type NextLoad = (url: string, context: object) => Loaded;
type RegisterHooks = (hooks: { load: (url: string, context: object, next: NextLoad) => Loaded }) => {
  deregister(): void;
};

/** Hands a namespace that has just been filled. */
export type HandNamespace = (id: string, namespace: object, url: string) => void;

export interface Namespaces {
  /** `url` is about to be loaded as the target `id`. */
  expect(url: string, id: string): void;
  stop(): void;
}

/** Before these releases, a load hook breaks what CommonJS files of an ES module's graph require. */
const firstGood: Readonly<Record<number, readonly [minor: number, patch: number]>> = {
  22: [22, 3],
  24: [11, 1],
  25: [1, 0],
};

/** Whether this Node.js loads everything right while a load hook is there. */
export function canHookLoads(version: string = process.versions.node): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const good = firstGood[major];
  if (good === undefined) return major > 25;
  return minor > good[0] || (minor === good[0] && patch >= good[1]);
}

const receiver = Symbol.for('sonde.1.namespaces');
const holder = globalThis as { [receiver]?: HandNamespace };

/** A load hook slows down every load, so there is one only while a target is on its way. */
export function watchNamespaces(hand: HandNamespace): Namespaces {
  const expected = new Map<string, string>();
  let hooks: { deregister(): void } | undefined;
  Object.defineProperty(holder, receiver, { value: hand, configurable: true });

  function stop(): void {
    hooks?.deregister();
    hooks = undefined;
  }

  function load(url: string, context: object, next: NextLoad): Loaded {
    const loaded = next(url, context);
    const id = expected.get(url);
    if (id === undefined) return loaded;
    expected.delete(url);
    if (expected.size === 0) stop();
    const { format, source } = loaded;
    return format === 'module' && source ? { ...loaded, source: handing(textOf(source), url, id) } : loaded;
  }

  return {
    expect(url, id) {
      expected.set(url, id);
      hooks ??= (Module as unknown as { registerHooks: RegisterHooks }).registerHooks({ load });
    },
    stop() {
      stop();
      expected.clear();
      delete holder[receiver];
    },
  };
}

function textOf(source: unknown): string {
  return typeof source === 'string' ? source : new TextDecoder().decode(source as Uint8Array);
}

function handing(source: string, url: string, id: string): string {
  const own = JSON.stringify(url);
  const call = `globalThis[Symbol.for('sonde.1.namespaces')]?.(${JSON.stringify(id)}, sondeNamespace, ${own});`;
  return `${source}\nimport * as sondeNamespace from ${own}; ${call}\n`;
}
