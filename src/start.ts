/** What the preload starts, once it is known that it may: join a running core, or begin one from the environment. */
import { diagnostics } from './diagnostics.ts';
import { init } from './init.ts';
import { VERSION } from './version.ts';

const ownSlot = 'sonde.1';

/** Another major keeps its state in a slot of its own; two of them would see each request twice. */
function otherMajor(): string | undefined {
  const slots = Object.getOwnPropertySymbols(globalThis).map((symbol) => Symbol.keyFor(symbol) ?? '');
  return slots.find((name) => /^sonde\.\d+$/.test(name) && name !== ownSlot);
}

export function start(): void {
  const other = otherMajor();
  if (other === undefined) {
    init();
    return;
  }
  diagnostics.warn(
    'SONDE_ERR_FOREIGN_SDK',
    `Sonde ${other.slice('sonde.'.length)}.x runs in this process already; Sonde ${VERSION} stays off.`,
  );
}
