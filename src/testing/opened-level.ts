/** Lets a logger that would drop what a test wants to see speak up meanwhile; several tests at once may want it. */
import { levelText } from '../logs/levels.ts';
import { nodeOf, setLevel } from '../logs/tree.ts';

interface Opened {
  readonly before: string | undefined;
  readonly wanted: number[];
}

const opened = new Map<string, Opened>();

/** Opens the logger of this name down to a SeverityNumber; gives back what undoes it. */
export function openLevel(name: string, lowest: number): () => void {
  const node = nodeOf(name);
  const known = opened.get(node.name);
  if (known === undefined && node.inForce <= lowest) return () => {};
  const before = node.level === undefined ? undefined : levelText(node.level);
  const entry = known ?? { before, wanted: [] };
  opened.set(node.name, entry);
  entry.wanted.push(lowest);
  apply(node.name, entry);
  return () => {
    entry.wanted.splice(entry.wanted.indexOf(lowest), 1);
    apply(node.name, entry);
  };
}

function apply(name: string, { before, wanted }: Opened): void {
  if (wanted.length > 0) setLevel(name, levelText(Math.min(...wanted)));
  else {
    setLevel(name, before);
    opened.delete(name);
  }
}
