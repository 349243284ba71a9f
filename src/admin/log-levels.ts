/** The tree of loggers as JSON, and changes of it by JSON. */
import { levelText, parseLevel } from '../logs/levels.ts';
import { type LoggerNode, namedNodes, nodeOf, setLevel } from '../logs/tree.ts';

interface NamedLevel {
  /** In force. */
  readonly level: string;
  /** What was set for this very name; `null` follows the name above. */
  readonly own: string | null;
}

const mostNames = 100;
const longestName = 256;

export function levelTree(): Readonly<Record<string, NamedLevel>> {
  const nodes = [nodeOf(''), ...namedNodes()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return Object.fromEntries(nodes.map((node) => [node.name || 'root', shown(node)]));
}

function shown({ inForce, level }: LoggerNode): NamedLevel {
  return { level: levelText(inForce), own: level === undefined ? null : levelText(level) };
}

/** `{ "shop.orders": "debug", "shop": null }`: all of it, or what is wrong with it. */
export function putLevels(text: string): { readonly wrong?: string; readonly changed?: string } {
  const levels = parsed(text);
  if (levels === undefined) return { wrong: 'the body is not an object of logger names and levels' };
  if (levels.length > mostNames) return { wrong: `more than ${mostNames} names at once` };
  const bad = levels.find(([name, level]) => !isUsable(name, level));
  if (bad !== undefined) {
    return {
      wrong: `${JSON.stringify(bad[0].slice(0, longestName))}: trace, debug, info, warn, error, fatal, off or null`,
    };
  }
  for (const [name, level] of levels) setLevel(name, level ?? undefined);
  return { changed: levels.map(([name, level]) => `${name}=${level ?? 'as above'}`).join(', ') };
}

function parsed(text: string): [name: string, level: any][] | undefined {
  try {
    const given = JSON.parse(text);
    return typeof given === 'object' && given !== null && !Array.isArray(given)
      ? Object.entries(given)
      : undefined;
  } catch {
    return undefined;
  }
}

function isUsable(name: string, level: unknown): boolean {
  if (name.length > longestName) return false;
  return level === null || (typeof level === 'string' && parseLevel(level) !== undefined);
}
