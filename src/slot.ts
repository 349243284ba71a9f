/**
 * The one named place for what a process may have only once. Two copies of Sonde (a preload from one folder and
 * the app's own), CommonJS and ES modules, and a test runner's sandbox all find the same state here.
 */
const slotName = 'sonde.1';
const name = Symbol.for(slotName);

type Slot = Record<string, unknown>;
type Holder = { [name]?: Slot };

/** jest gives each test file a `globalThis` of its own but one `process`, so both are asked. */
function findSlot(): Slot {
  const found = (globalThis as Holder)[name] ?? (process as unknown as Holder)[name];
  const slot: Slot = found ?? Object.create(null);
  hang(globalThis, slot);
  hang(process, slot);
  return slot;
}

function hang(holder: object, slot: Slot): void {
  if ((holder as Holder)[name] === slot) return;
  Object.defineProperty(holder, name, { value: slot, enumerable: false, configurable: true, writable: true });
}

const slot = findSlot();

/** The process-wide value under `key`, made on first use. */
export function shared<T>(key: string, make: () => T): T {
  if (!(key in slot)) slot[key] = make();
  return slot[key] as T;
}

/** `2` where another major of Sonde is in the process, too: its state is in a slot of its own. */
export function otherMajor(): string | undefined {
  const slots = Object.getOwnPropertySymbols(globalThis).map((symbol) => Symbol.keyFor(symbol) ?? '');
  const other = slots.find((key) => /^sonde\.\d+$/.test(key) && key !== slotName);
  return other?.slice('sonde.'.length);
}
