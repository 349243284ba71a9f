/** One linear-time reader of SQL for every dialect: what is a literal, what a name, what a comment. */

/** What `db.system.name` says; it decides what a double quote, a backslash or `#` means. */
export type SqlDialect = string;

/** `literal` covers everything whose value must not leave; `punctuation` is one character, or `...`. */
export type SqlToken = 'word' | 'quoted' | 'literal' | 'placeholder' | 'punctuation' | 'end';

interface Rules {
  /** Whether a backslash hides a quote; `unsure` ends what can be read where it matters, so that nothing gets out. */
  readonly backslash: boolean | 'unsure';
  readonly doubleQuotedText: boolean;
  readonly backtick: boolean;
  readonly hashComment: boolean;
  readonly nestedComment: boolean;
  readonly dollarQuote: boolean;
  /** Whether `--` needs a blank behind it to be a comment: else it is two signs. */
  readonly blankAfterDashes: boolean;
  /** Oracle's `q'[...]'`. */
  readonly ownDelimiters: boolean;
}

const mysql: Rules = {
  backslash: true,
  doubleQuotedText: true,
  backtick: true,
  hashComment: true,
  nestedComment: false,
  dollarQuote: false,
  blankAfterDashes: true,
  ownDelimiters: false,
};
const sqlite: Rules = {
  ...mysql,
  backslash: false,
  doubleQuotedText: false,
  hashComment: false,
  blankAfterDashes: false,
};
const postgresql: Rules = { ...sqlite, backtick: false, nestedComment: true, dollarQuote: true };
const oracle: Rules = { ...sqlite, backtick: false, ownDelimiters: true };
const anySql: Rules = { ...postgresql, backslash: 'unsure', backtick: true, ownDelimiters: true };
const doubleQuotesText: Rules = { ...anySql, doubleQuotedText: true };
const rules: Readonly<Record<string, Rules>> = {
  mysql,
  mariadb: mysql,
  sqlite,
  postgresql,
  'microsoft.sql_server': { ...sqlite, backtick: false, nestedComment: true },
  'oracle.db': oracle,
  'gcp.spanner': doubleQuotesText,
  hive: doubleQuotesText,
};
const closers: Readonly<Record<string, string>> = { '[': ']', '(': ')', '{': '}', '<': '>' };

/** Words after which a sign belongs to the number: `LIMIT -1`, but `a -1` is a subtraction. */
const operandFollows = new Set(
  `SELECT WHERE AND OR NOT IN THEN ELSE WHEN LIMIT OFFSET VALUES BETWEEN LIKE SET BY RETURN RETURNING CASE ON
   HAVING DEFAULT IS TO FROM AS DISTINCT ALL`.split(/\s+/),
);

const word = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const number = /\.?\d[\w.]*/y;
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
/** `$1 $name :1 :name @name ?1`; a longer row of digits is a value. */
const placeholder = /\$(?:\d{1,5}(?!\d)|[A-Za-z_]\w*)|@@?[A-Za-z_]\w*|\?(?:\d{1,5}(?!\d))?/y;
const colonPlaceholder = /:(?:\d{1,5}(?!\d)|[A-Za-z_]\w*)/y;
const bracketed = /\[[A-Za-z_][\w $#@.-]{0,127}\]/y;
const commentEdge = /\/\*|\*\//g;

/** Walks one statement. `next()` moves on; the fields describe the token it stands on. */
export class SqlLexer {
  readonly #text: string;
  readonly #rules: Rules;
  #at = 0;
  #previous: SqlToken = 'end';
  kind: SqlToken = 'end';
  /** The token as written; `?` for a literal. */
  lexeme = '';
  /** `lexeme` in capitals for a word, else as `lexeme`. */
  upper = '';
  /** Whether white space or a comment stood before it. */
  gap = false;

  constructor(text: string, dialect: SqlDialect) {
    this.#text = text;
    this.#rules = rules[dialect] ?? anySql;
  }

  next(): boolean {
    this.#previous = this.kind;
    const before = this.#at;
    this.#skipBlank();
    this.gap = this.#at > before;
    if (this.#at >= this.#text.length) return this.#end();
    this.#read(this.#text[this.#at]!);
    return true;
  }

  #end(): false {
    this.kind = 'end';
    this.lexeme = '';
    this.upper = '';
    return false;
  }

  #skipBlank(): void {
    const text = this.#text;
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at);
      if (code <= 32 || code === 0xa0 || code === 0xfeff) this.#at += 1;
      else if (this.#isSignsOnly()) this.#at += 2;
      else if (text.startsWith('--', this.#at) || (code === 35 && this.#rules.hashComment)) this.#skipLine();
      else if (text.startsWith('/*', this.#at)) this.#skipComment();
      else return;
    }
  }

  /** `5--'a'`: two signs, left out, since written with a blank behind them they would be a comment. */
  #isSignsOnly(): boolean {
    if (!this.#rules.blankAfterDashes || !this.#text.startsWith('--', this.#at)) return false;
    return this.#text.charCodeAt(this.#at + 2) > 32;
  }

  #skipLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
  }

  #skipComment(): void {
    let depth = 0;
    commentEdge.lastIndex = this.#at;
    for (let edge = commentEdge.exec(this.#text); edge !== null; edge = commentEdge.exec(this.#text)) {
      depth += edge[0] === '*/' ? -1 : this.#rules.nestedComment || depth === 0 ? 1 : 0;
      if (depth > 0) continue;
      this.#at = commentEdge.lastIndex;
      return;
    }
    this.#at = this.#text.length;
  }

  #read(first: string): void {
    const { backslash, doubleQuotedText, backtick, dollarQuote } = this.#rules;
    if (first === "'") this.#literal(this.#closing("'", backslash));
    else if (first === '"' && doubleQuotedText) this.#literal(this.#closing('"', backslash));
    else if (first === '"' || (first === '`' && backtick)) this.#quoted(first);
    else if (this.#isNumber(first)) this.#number(this.#at);
    else if ((first === '-' || first === '+') && this.#isSign()) this.#number(this.#at + 1);
    else if (first !== '$' || !dollarQuote || !this.#dollarQuoted()) this.#readName(first);
  }

  #readName(first: string): void {
    const name = this.#match(word);
    if (name === undefined) this.#readMark(first);
    else this.#word(name);
  }

  #readMark(first: string): void {
    const mark =
      this.#match(placeholder) ?? (this.#mayBind(first) ? this.#match(colonPlaceholder) : undefined);
    const name = first === '[' && !this.#isOperand() ? this.#match(bracketed) : undefined;
    if (mark !== undefined) this.#take('placeholder', mark);
    else if (name !== undefined) this.#take('quoted', name);
    else if (first === '$' && this.#isDigit(this.#at + 1)) this.#number(this.#at + 1);
    else this.#take('punctuation', this.#text.startsWith('...', this.#at) ? '...' : first);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    return pattern.exec(this.#text)?.[0];
  }

  #take(kind: SqlToken, lexeme: string): void {
    this.#at += lexeme.length;
    this.kind = kind;
    this.upper = kind === 'word' ? lexeme.toUpperCase() : lexeme;
    this.lexeme = lexeme;
  }

  #literal(end: number): void {
    this.#at = end;
    this.kind = 'literal';
    this.lexeme = '?';
    this.upper = '?';
  }

  /** `E'..'`, `N'..'`, `X'..'`, `B'..'`, `U&'..'`: the letters are part of the literal. */
  #word(name: string): void {
    const prefix = name.length === 1 ? name.toUpperCase() : '';
    const quote = this.#at + (prefix === 'U' && this.#text[this.#at + 1] === '&' ? 2 : 1);
    if (this.#rules.ownDelimiters && /^n?q$/i.test(name) && this.#text[this.#at + name.length] === "'") {
      this.#delimited(this.#at + name.length + 1);
      return;
    }
    if (prefix !== '' && 'ENXBU'.includes(prefix) && this.#text[quote] === "'") {
      this.#at = quote;
      this.#literal(this.#closing("'", prefix === 'E' || this.#rules.backslash));
    } else this.#take('word', name);
  }

  #delimited(from: number): void {
    const opener = this.#text[from] ?? '';
    const end = this.#text.indexOf(`${closers[opener] ?? opener}'`, from + 1);
    this.#literal(end < 0 ? this.#text.length : end + 2);
  }

  /** Behind the closing quote; a quote that never closes takes the rest with it. */
  #closing(quote: string, backslash: Rules['backslash']): number {
    const text = this.#text;
    // Some read three quotes as one.
    if (backslash === 'unsure' && text.startsWith(quote.repeat(3), this.#at)) return text.length;
    let at = this.#at + 1;
    while (at < text.length) {
      const char = text[at];
      if (char === '\\' && backslash === 'unsure' && text[at + 1] === quote) return text.length;
      if (char === '\\' && backslash) at += 2;
      else if (char !== quote) at += 1;
      else if (text[at + 1] === quote) at += 2;
      else return at + 1;
    }
    return text.length;
  }

  #quoted(quote: string): void {
    const end = this.#closing(quote, false);
    const closed = end - this.#at > 1 && this.#text[end - 1] === quote && this.#isClosed(quote, end);
    if (closed) this.#take('quoted', this.#text.slice(this.#at, end));
    else this.#literal(this.#text.length);
  }

  /** At the very end an odd row of quotes closes, an even one is a doubled quote inside. */
  #isClosed(quote: string, end: number): boolean {
    if (end < this.#text.length) return true;
    let first = end;
    while (first > this.#at + 1 && this.#text[first - 1] === quote) first -= 1;
    return (end - first) % 2 === 1;
  }

  #dollarQuoted(): boolean {
    const tag = this.#match(dollarTag);
    if (tag === undefined) return false;
    const end = this.#text.indexOf(tag, this.#at + tag.length);
    this.#literal(end < 0 ? this.#text.length : end + tag.length);
    return true;
  }

  #isDigit(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    return code >= 48 && code <= 57;
  }

  #isNumber(first: string): boolean {
    if (first === '.') return this.#isDigit(this.#at + 1) && !(this.#isOperand() && !this.gap);
    return this.#isDigit(this.#at);
  }

  #isSign(): boolean {
    const next = this.#text[this.#at + 1] === '.' ? this.#at + 2 : this.#at + 1;
    return this.#isDigit(next) && !this.#isOperand();
  }

  /** Whether the token before is a value: then a sign is an operator and `[` a subscript. */
  #isOperand(): boolean {
    if (this.#previous === 'word') return !operandFollows.has(this.upper);
    if (this.#previous === 'punctuation') return this.lexeme === ')' || this.lexeme === ']';
    return this.#previous !== 'end';
  }

  /** `a[1:2]` is a slice and `x::text` a cast, neither a bound name. */
  #mayBind(first: string): boolean {
    return first === ':' && !this.#isOperand() && !(this.#previous === 'punctuation' && this.lexeme === ':');
  }

  #number(from: number): void {
    number.lastIndex = from;
    const digits = number.exec(this.#text)?.[0] ?? '';
    let end = from + digits.length;
    if (/e$/i.test(digits) && /[+-]/.test(this.#text[end] ?? '') && this.#isDigit(end + 1)) {
      number.lastIndex = end + 1;
      end += 1 + (number.exec(this.#text)?.[0].length ?? 0);
    }
    this.#literal(end);
  }
}
