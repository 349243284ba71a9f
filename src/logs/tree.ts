/** The tree of dotted logger names and the level of each (A2, A14). A name without a level has its parent's. */
import { shared } from '../slot.ts';
import { OFF, parseLevel, severity } from './levels.ts';

/** One name of the tree. Handlers, filters and propagation of a name will live here too. */
export interface LoggerNode {
  readonly name: string;
  readonly children: LoggerNode[];
  readonly parent: LoggerNode | undefined;
  /** What was set for this very name; `undefined` follows the parent. */
  level: number | undefined;
  /** The level in force: what lies below it is not even looked at. Kept right by `setLevel`. */
  threshold: number;
}

/** What `SONDE_LOG_LEVEL` says, and what of it could not be understood. */
export interface LevelSpec {
  /** SeverityNumber (or `OFF`) by logger name; `''` is the root. */
  readonly levels: ReadonlyMap<string, number>;
  /** The parts that were left out, as written. */
  readonly problems: readonly string[];
}

interface Tree {
  readonly root: LoggerNode;
  readonly nodes: Map<string, LoggerNode>;
}

const tree = shared<Tree>('logs.tree', () => ({
  root: { name: '', children: [], parent: undefined, level: severity.INFO, threshold: severity.INFO },
  nodes: new Map(),
}));

/** The node of a dotted name, made with its parents on first use. `''`, `root` and `*` are the root. */
export function nodeOf(name: string): LoggerNode {
  if (name === '' || name === 'root' || name === '*') return tree.root;
  const found = tree.nodes.get(name);
  if (found !== undefined) return found;
  const dot = name.lastIndexOf('.');
  const parent = dot > 0 ? nodeOf(name.slice(0, dot)) : tree.root;
  const node: LoggerNode = { name, children: [], parent, level: undefined, threshold: parent.threshold };
  parent.children.push(node);
  tree.nodes.set(name, node);
  return node;
}

/**
 * Sets the level of a name and all below it that have none of their own, from now on. `undefined` takes the name's
 * own level away. Gives back whether the level was understood; a wrong one changes nothing.
 *
 * @example setLevel('shop.orders', 'debug')
 */
export function setLevel(name: string, level: string | undefined): boolean {
  const parsed = parseLevel(level);
  if (parsed === undefined && level !== undefined) return false;
  assign(nodeOf(String(name)), parsed);
  return true;
}

/** Puts a whole specification in force; names it does not mention lose what was set for them before. */
export function setLevels(spec: LevelSpec): void {
  for (const node of tree.nodes.values()) node.level = undefined;
  tree.root.level = spec.levels.get('') ?? severity.INFO;
  for (const [name, level] of spec.levels) nodeOf(name).level = level;
  spread(tree.root);
}

/** Reads the syntax of `SONDE_LOG_LEVEL`: `info,shop.orders=debug`. What is wrong is data, never a throw. */
export function parseLevels(text: string): LevelSpec {
  const levels = new Map<string, number>();
  const problems: string[] = [];
  for (const part of text.split(/[,;\s]+/).filter(Boolean)) {
    const at = part.lastIndexOf('=');
    const name = at < 0 ? '' : part.slice(0, at).trim();
    const level = parseLevel(part.slice(at + 1));
    if (level === undefined || at === 0) problems.push(part);
    else levels.set(name === '*' || name === 'root' ? '' : name, level);
  }
  return { levels, problems };
}

/** Whether anything of this severity passes at this name. */
export function passes(name: string, severityNumber: number): boolean {
  const threshold = nodeOf(name).threshold;
  return threshold < OFF && severityNumber >= threshold;
}

/** The level set for this very name or the nearest one above it; `undefined` where only the root has one. */
export function namedLevel(name: string): number | undefined {
  for (let at = name; at !== ''; at = at.slice(0, Math.max(at.lastIndexOf('.'), 0))) {
    const level = tree.nodes.get(at)?.level;
    if (level !== undefined) return level;
  }
  return undefined;
}

function assign(node: LoggerNode, level: number | undefined): void {
  node.level = node === tree.root ? (level ?? severity.INFO) : level;
  spread(node);
}

function spread(node: LoggerNode): void {
  node.threshold = node.level ?? node.parent?.threshold ?? severity.INFO;
  for (const child of node.children) spread(child);
}
