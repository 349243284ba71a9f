/**
 * One policy under many services (A74): a file may extend others, and what a file below has locked stays, whatever
 * the files above it, the environment and the code say.
 */
import { type Complaint, type Layer, reachedPaths, type Setting } from './layer.ts';
import { advice } from './nearest.ts';
import { kindOf, readable } from './schema.ts';
import { inUse, shown } from './shown.ts';

/** What one file says. */
export interface Stratum {
  readonly file: string;
  readonly layer: Layer;
  /** Paths that nobody above may loosen; a branch stands for all below it. */
  readonly locked: readonly string[];
}

/** More keys and patterns hide more: a service adds to them. */
const additive: readonly string[] = ['privacy.redactKeys', 'privacy.patterns', 'privacy.personal'];
/** The locked value is the most. */
const ceilings: readonly string[] = ['traces.samplerArg', 'traces.tracesPerSecond'];
/** What is allowed here is not hidden: not what the policy hides. */
const exceptions = { of: 'privacy.redactKeys', by: 'privacy.allowKeys' };

/** Puts what is locked back into `merged`, and complains of each value that wanted to loosen it. */
export function keepLocked(
  merged: Layer,
  { defaults, strata, complaints }: { defaults: Layer; strata: readonly Stratum[]; complaints: Complaint[] },
): void {
  const below: Layer = new Map(defaults);
  for (const { file, layer, locked } of strata) {
    for (const [path, setting] of layer) below.set(path, setting);
    for (const path of locked.flatMap(reachedPaths)) lock(path, { file, below, merged, complaints });
  }
}

interface Locking {
  readonly file: string;
  /** What holds up to and with the file that locks. */
  readonly below: Layer;
  readonly merged: Layer;
  readonly complaints: Complaint[];
}

function lock(path: string, locking: Locking): void {
  const { file, below, merged, complaints } = locking;
  const isWithin = (key: string) => key === path || key.startsWith(`${path}.`);
  if (![...kindOf.keys()].some((key) => isWithin(key) || path.startsWith(`${key}.`))) {
    const hint = advice(path, [...kindOf.keys()], '');
    const message = `${file}: locked names ${shown(path)}, which is not a known option${hint}`;
    if (!complaints.some((complaint) => complaint.message === message))
      complaints.push({ level: 'warn', code: 'SONDE_ERR_CONFIG_FILE', message });
    return;
  }
  for (const key of new Set([...below.keys(), ...merged.keys()].filter(isWithin))) keep(key, locking);
  if (isWithin(exceptions.of)) keepHidden(locking);
}

function keep(key: string, locking: Locking): void {
  const { below, merged } = locking;
  const held = below.get(key);
  const now = merged.get(key);
  if (now === held || now === undefined) return;
  if (held !== undefined && additive.includes(key)) {
    const value = [...new Set([...(held.value as unknown[]), ...(now.value as unknown[])])];
    merged.set(key, { ...now, value });
  } else if (held === undefined || !isWithinCeiling(key, held, now)) {
    if (held === undefined) merged.delete(key);
    else merged.set(key, held);
    complain(key, now, held, locking);
  }
}

function isWithinCeiling(key: string, held: Setting, now: Setting): boolean {
  return ceilings.includes(key) && Number(now.value) <= Number(held.value);
}

/** An exception would take back what the policy hides. */
function keepHidden(locking: Locking): void {
  const { below, merged } = locking;
  const hidden = new Set((below.get(exceptions.of)?.value as string[] | undefined)?.map(plain));
  const now = merged.get(exceptions.by);
  const allowed = (now?.value as string[] | undefined) ?? [];
  const left = allowed.filter((name) => !hidden.has(plain(name)));
  if (now === undefined || left.length === allowed.length) return;
  merged.set(exceptions.by, { ...now, value: left });
  complain(exceptions.by, now, { ...now, value: left }, locking);
}

/** Redaction reads names without their case and separators. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9.]/g, '');
}

function complain(
  key: string,
  wanted: Setting,
  held: Setting | undefined,
  { file, complaints }: Locking,
): void {
  const secret = kindOf.get(key)?.secret;
  const message = `${wanted.name} is ${shown(readable(key, wanted.value), secret)}, but ${file} locks ${key}`;
  const using = held === undefined ? 'it is left out' : `using ${inUse(readable(key, held.value), secret)}`;
  complaints.push({ level: 'warn', code: 'SONDE_ERR_LOCKED', message: `${message}; ${using}.` });
}
