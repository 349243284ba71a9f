/**
 * The tree of dotted logger names (A2): level, handlers, filters and propagation of each. A name without a level has
 * its parent's (A14).
 */
import { shared } from '../slot.ts';
import type { Filter, Handler } from './handler.ts';
import { OFF, parseLevel, severity } from './levels.ts';

/** What a configuration may say of a name. What it leaves out is as if nothing had ever been said. */
export interface NodeSettings {
  /** SeverityNumber (or `OFF`). It wins over the level of the environment. */
  readonly level?: number;
  /** The name's own; `undefined` at the root stands for the printers of `init`: the console. */
  readonly handlers?: readonly Handler[];
  /** Asked for records that are logged at this very name. */
  readonly filters?: readonly Filter[];
  /** Whether records go on to the handlers of the parent; true by default. */
  readonly propagate?: boolean;
  /** Nothing logged at this very name passes; names below it are not touched. */
  readonly disabled?: boolean;
}

/** One name of the tree. */
export interface LoggerNode {
  readonly name: string;
  readonly children: LoggerNode[];
  readonly parent: LoggerNode | undefined;
  /** What was set for this very name; `undefined` follows the parent. */
  level: number | undefined;
  /** The level in force. Kept right by `setLevel`, as is all that follows. */
  inForce: number;
  /** From where a handler on the way wants to see records, even below the level in force; `OFF` where none does. */
  wanted: number;
  /** What lies below it is not even looked at: the lowest of the two and of what is wanted everywhere. */
  threshold: number;
  settings: NodeSettings;
  /** Whether records of this name go another way than straight to all sinks. Kept right by `configureNodes`. */
  routed: boolean;
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
  /** Whether any node is routed: until then no record pays for what could be configured. */
  routed: boolean;
  /** From where records are wanted at every name, whoever its handlers are; `OFF` where nobody wants them. */
  wantedEverywhere: number;
}

const tree = shared<Tree>('logs.tree', () => ({
  root: {
    ...{ name: '', children: [], parent: undefined, settings: {}, routed: false },
    ...{ level: severity.INFO, inForce: severity.INFO, wanted: OFF, threshold: severity.INFO },
  },
  nodes: new Map(),
  routed: false,
  wantedEverywhere: OFF,
}));

/** Django's names of what are Sonde's nodes: one node, two names (A10). */
const aliases: ReadonlyMap<string, string> = new Map([
  ['django', 'sonde'],
  ['django.request', 'sonde.request'],
  ['django.server', 'sonde.server'],
  ['django.template', 'sonde.template'],
  ['django.db', 'sonde.db'],
  ['django.db.backends', 'sonde.db'],
  ['django.db.backends.schema', 'sonde.db.schema'],
  ['django.security', 'sonde.security'],
]);

/** They have their own place and do not go on to the root's handlers, unless a configuration says so (A47, A53). */
export const namesApart: readonly string[] = ['access', 'sonde.server'];

/** Whether records of a name stay with its own handlers where nobody has said anything about it. */
export function standsApart(name: string): boolean {
  return namesApart.includes(name);
}

/** The name of the node behind a name: `sonde.security.csrf` for `django.security.csrf`. Most are their own. */
export function nodeName(name: string): string {
  if (!name.startsWith('django')) return name;
  if (name.startsWith('django.security.')) return `sonde${name.slice('django'.length)}`;
  return aliases.get(name) ?? name;
}

/** The node of a dotted name, made with its parents on first use. `''`, `root` and `*` are the root. */
export function nodeOf(alias: string): LoggerNode {
  const name = nodeName(alias);
  if (name === '' || name === 'root' || name === '*') return tree.root;
  const found = tree.nodes.get(name);
  if (found !== undefined) return found;
  const dot = name.lastIndexOf('.');
  const parent = dot > 0 ? nodeOf(name.slice(0, dot)) : tree.root;
  const node: LoggerNode = {
    ...{ name, children: [], parent, settings: {}, routed: parent.routed },
    ...{ level: undefined, inForce: OFF, wanted: OFF, threshold: OFF },
  };
  parent.children.push(node);
  tree.nodes.set(name, node);
  spread(node);
  return node;
}

/** The node whose way a record of this name goes, or `undefined` when that is straight to all sinks. */
export function routedNode(name: string): LoggerNode | undefined {
  if (!tree.routed) return undefined;
  const node = tree.nodes.get(name) ?? nodeOf(name);
  return node.routed ? node : undefined;
}

/** Every node there is but the root. */
export function namedNodes(): readonly LoggerNode[] {
  return [...tree.nodes.values()];
}

/** Replaces what was configured for every name; names that are not in the list have nothing of their own then. */
export function configureNodes(all: ReadonlyMap<string, NodeSettings>): void {
  for (const node of [tree.root, ...tree.nodes.values()]) node.settings = {};
  for (const [name, settings] of all) {
    const node = nodeOf(name);
    node.settings = settings;
    if (settings.level !== undefined) node.level = settings.level;
  }
  tree.routed = false;
  spread(tree.root);
}

/** Takes the other handlers out of the tree. A root that has none left has the printers of `init` again. */
export function keepHandlers(isKept: (handler: Handler) => boolean): void {
  for (const node of [tree.root, ...tree.nodes.values()]) {
    const { handlers } = node.settings;
    if (handlers === undefined || handlers.every(isKept)) continue;
    const kept = handlers.filter(isKept);
    node.settings = { ...node.settings, handlers: kept.length === 0 ? undefined : kept };
  }
  tree.routed = false;
  spread(tree.root);
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

/**
 * Puts a whole specification in force; names it does not mention lose what was set for them before. Levels that a
 * configuration in code names stay.
 */
export function setLevels(spec: LevelSpec): void {
  for (const node of tree.nodes.values()) node.level = node.settings.level;
  tree.root.level = tree.root.settings.level ?? spec.levels.get('') ?? severity.INFO;
  for (const [name, level] of spec.levels) nodeOf(name).level ??= level;
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

/** From now on records are made down to this severity at every name that is not off, also below its level. */
export function wantEverywhere(severityNumber: number): void {
  tree.wantedEverywhere = severityNumber;
  spread(tree.root);
}

/** Whether anything of this severity passes at this name. */
export function passes(name: string, severityNumber: number): boolean {
  const { inForce } = nodeOf(name);
  return inForce < OFF && severityNumber >= inForce;
}

/** Whether a record of this severity is made at this name: it passes, or a handler wants the details as well. */
export function isWanted(name: string, severityNumber: number): boolean {
  const { threshold } = nodeOf(name);
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

function levelInForce(node: LoggerNode): number {
  return node.level ?? (node.parent === undefined ? severity.INFO : levelInForce(node.parent));
}

function spread(node: LoggerNode, inherited: number = levelInForce(node)): void {
  const level = node.level ?? inherited;
  const { handlers, filters = [], propagate = true, disabled = false } = node.settings;
  node.inForce = disabled ? OFF : level;
  node.wanted = wantedBy(handlers, propagate ? node.parent : undefined);
  node.threshold = node.inForce >= OFF ? OFF : Math.min(node.inForce, node.wanted, tree.wantedEverywhere);
  const own = handlers !== undefined || filters.length > 0 || !propagate;
  node.routed = own || node.parent?.routed === true;
  tree.routed ||= node.routed;
  for (const child of node.children) spread(child, level);
}

function wantedBy(handlers: readonly Handler[] = [], above?: LoggerNode): number {
  const own = handlers.map(({ destination }) => destination.wantsBelow ?? OFF);
  return Math.min(OFF, above?.wanted ?? OFF, ...own);
}
