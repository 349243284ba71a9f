/** Makes SQL fit to leave the process: literals out, few distinct texts, and a short name for what it does. */
import { type SqlDialect, SqlLexer } from './sql-lexer.ts';
import { SqlObserver, type SqlSummary } from './sql-summary.ts';

/** A statement as telemetry may show it. */
export interface SqlStatement extends SqlSummary {
  /** Without literals and comments; at most 8,192 characters, then ending in ` ...`. */
  readonly text: string;
}

const maxText = 8192;
/** More than this is not read: what follows could not change a text this long. */
const maxRead = 65_536;
const ellipsis = ' ...';

/** Joins tokens with canonical spacing, folds `IN` lists and rows of `VALUES`, and stops at the limit. */
class SqlWriter {
  text = '';
  #full = false;
  /** Within `IN (`: the values seen, of which only the first is written. */
  #list: 'off' | 'armed' | 'open' | 'value' | 'comma' = 'off';
  #held = 0;
  /** Within `VALUES`: the first row is written, the others are not. */
  #rows: 'off' | 'armed' | 'first' | 'between' | 'comma' | 'skipped' = 'off';
  #depth = 0;
  #glue = true;

  get full(): boolean {
    return this.#full;
  }

  add(token: SqlLexer): void {
    if (!this.#skipsRow(token)) this.#addListed(token);
  }

  end(): void {
    if (this.#rows === 'comma') this.#write(',', false);
    this.#flushList();
  }

  cut(): void {
    if (!this.#full) this.text += this.#glue ? ellipsis.trimStart() : ellipsis;
    this.#full = true;
  }

  /** Follows the rows after `VALUES`; true when the token is part of a row that is folded away. */
  #skipsRow({ kind, upper }: SqlLexer): boolean {
    const open = upper === '(' && kind === 'punctuation';
    switch (this.#rows) {
      case 'off':
        if (upper === 'VALUES' && kind === 'word') this.#rows = 'armed';
        return false;
      case 'armed':
        this.#rows = open ? 'first' : 'off';
        this.#depth = 1;
        return false;
      case 'between':
        this.#rows = upper === ',' ? 'comma' : 'off';
        return upper === ',';
      case 'comma':
        if (open) this.#rows = 'skipped';
        else this.#keepComma();
        this.#depth = 1;
        return open;
      default:
        return this.#insideRow(upper, open);
    }
  }

  #insideRow(upper: string, open: boolean): boolean {
    const skipped = this.#rows === 'skipped';
    if (open) this.#depth += 1;
    else if (upper === ')') this.#depth -= 1;
    if (this.#depth === 0) this.#rows = 'between';
    return skipped;
  }

  #keepComma(): void {
    this.#rows = 'off';
    this.#write(',', false);
  }

  #addListed(token: SqlLexer): void {
    const { kind, lexeme, upper, gap } = token;
    const value = kind === 'literal' || (kind === 'placeholder' && lexeme === '?');
    const list = this.#list;
    if (value && (list === 'open' || list === 'comma')) {
      this.#list = 'value';
      if (list === 'comma') this.#held += 1;
      else this.#write('?', gap);
    } else if (lexeme === ',' && list === 'value') this.#list = 'comma';
    else {
      if (lexeme === ')' && list === 'value') this.#held = 0;
      this.#flushList();
      if (lexeme === '(' && list === 'armed') this.#list = 'open';
      else if (upper === 'IN' && kind === 'word') this.#list = 'armed';
      this.#write(lexeme, gap);
    }
  }

  #flushList(): void {
    for (; this.#held > 0 && !this.#full; this.#held -= 1) {
      this.#write(',', false);
      this.#write('?', true);
    }
    if (this.#list === 'comma') this.#write(',', false);
    this.#held = 0;
    this.#list = 'off';
  }

  #write(lexeme: string, gap: boolean): void {
    if (this.#full) return;
    const tight = this.#glue || lexeme === ',' || lexeme === ')' || lexeme === ';';
    const piece = (gap || this.text.endsWith(',')) && !tight ? ` ${lexeme}` : lexeme;
    if (this.text.length + piece.length > maxText - ellipsis.length) {
      this.cut();
      return;
    }
    this.text += piece;
    this.#glue = lexeme === '(';
  }
}

function read(text: string, dialect: SqlDialect): SqlStatement {
  const lexer = new SqlLexer(text.length > maxRead ? text.slice(0, maxRead) : text, dialect);
  const writer = new SqlWriter();
  const observer = new SqlObserver();
  while (!writer.full && lexer.next()) {
    writer.add(lexer);
    observer.see(lexer);
  }
  writer.end();
  if (text.length > maxRead) writer.cut();
  return { text: writer.text, ...observer.result() };
}

/** Two generations bound the cache: what was not asked for during a whole generation is forgotten. */
interface Known {
  young: Map<string, SqlStatement>;
  old: Map<string, SqlStatement>;
}

const generation = 256;
const maxCachedText = 4096;
/** By dialect, of which a process uses one or two; by text alone, because joining a key would cost a hash. */
const known = new Map<SqlDialect, Known>();

function knownIn(dialect: SqlDialect): Known {
  const found = known.get(dialect) ?? { young: new Map(), old: new Map() };
  known.set(dialect, found);
  return found;
}

function remember(cache: Known, text: string, statement: SqlStatement): SqlStatement {
  if (cache.young.size >= generation) {
    cache.old = cache.young;
    cache.young = new Map();
  }
  cache.young.set(text, statement);
  return statement;
}

/**
 * Reads `text` once, or finds it as read before; equal texts give the same object. `dialect` is a
 * `db.system.name`; without one a double quote is a name and a backslash is nothing special.
 */
export function readSql(text: string, dialect: SqlDialect = 'other_sql'): SqlStatement {
  if (typeof text !== 'string') return { text: '', operation: undefined, collection: undefined, summary: '' };
  if (text.length > maxCachedText) return read(text, dialect);
  const cache = known.get(dialect) ?? knownIn(dialect);
  return cache.young.get(text) ?? remember(cache, text, cache.old.get(text) ?? read(text, dialect));
}

/** `text` with every literal as `?`, without comments, lists and rows folded, at most 8,192 characters. */
export function sanitize(text: string, dialect?: SqlDialect): string {
  return readSql(text, dialect).text;
}

/** What `text` does to what, e.g. `{ operation: 'SELECT', collection: 'orders', summary: 'SELECT orders' }`. */
export function summarize(text: string, dialect?: SqlDialect): SqlSummary {
  const { operation, collection, summary } = readSql(text, dialect);
  return { operation, collection, summary };
}
