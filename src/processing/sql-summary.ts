/** What a statement does to what, in few words: `db.query.summary` of the semantic conventions. */
import type { SqlLexer } from './sql-lexer.ts';

export interface SqlSummary {
  /** First operation in capitals, e.g. `SELECT`, `CREATE TABLE`; absent when none is recognised. */
  readonly operation: string | undefined;
  /** The table, when exactly one is named; without quotes. */
  readonly collection: string | undefined;
  /** Operations and targets in order, e.g. `INSERT users SELECT orders`; at most 255 characters, never cut in a name. */
  readonly summary: string;
}

const maxSummary = 255;
const maxName = 128;

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/));
/** A statement may begin with these; anything else names no operation, so that garbage makes no span names. */
const verbs = words(
  `SELECT INSERT UPDATE DELETE MERGE REPLACE CALL EXEC EXECUTE CREATE DROP ALTER TRUNCATE BEGIN START COMMIT END
   ROLLBACK ABORT SAVEPOINT RELEASE SET RESET SHOW COPY LOAD PRAGMA EXPLAIN ANALYZE VACUUM REINDEX CLUSTER LOCK
   UNLOCK LISTEN UNLISTEN NOTIFY GRANT REVOKE COMMENT PREPARE DEALLOCATE DECLARE FETCH CLOSE MOVE DISCARD DO USE
   ATTACH DETACH REFRESH DESCRIBE DESC CHECKPOINT VALUES TABLE KILL OPTIMIZE FLUSH RENAME`,
);
const inner = words('SELECT INSERT UPDATE DELETE MERGE');
const schemaVerbs = words('CREATE DROP ALTER');
const schemaKinds = words(
  `TABLE INDEX VIEW SCHEMA DATABASE FUNCTION PROCEDURE TRIGGER SEQUENCE TYPE USER ROLE EXTENSION DOMAIN POLICY
   RULE PUBLICATION SUBSCRIPTION`,
);
/** Their bodies hold statements of their own, which do not run now. */
const withBody = words('FUNCTION PROCEDURE TRIGGER RULE');
/** What they name is not read, and would look like an operation. */
const opaque = words('GRANT REVOKE COMMENT DO');
const namesTarget = words('CALL EXEC TRUNCATE COPY LOCK ANALYZE VACUUM REFRESH REINDEX');
const beforeName = words(
  `ONLY LATERAL IF NOT EXISTS TABLE CONCURRENTLY MATERIALIZED VIEW INTO IGNORE LOW_PRIORITY QUICK DELAYED
   OR REPLACE ROLLBACK ABORT FAIL`,
);
const endsList = words(
  'WHERE GROUP ORDER HAVING LIMIT UNION EXCEPT INTERSECT RETURNING SET FOR WINDOW OFFSET FETCH VALUES',
);
/** `FOR UPDATE`, `ON DELETE CASCADE`, `DO UPDATE`, `DUPLICATE KEY UPDATE`, `BEFORE INSERT` start nothing. */
const notVerbAfter = words('FOR ON DO KEY BEFORE AFTER OF OR THEN ,');

/** One level of parentheses. */
interface Frame {
  operation: string | undefined;
  list: boolean;
}

/** Is shown every token in order and knows at the end what the statement was. */
export class SqlObserver {
  #parts: string[] = [];
  #length = 0;
  #operation: string | undefined;
  #tables = new Set<string>();
  #local = new Set<string>();
  #frames: Frame[] = [];
  #frame: Frame = { operation: undefined, list: false };
  #fresh = true;
  #done = false;
  #previous = '';
  /** What a name would be now. */
  #expects: 'table' | 'other' | 'local' | undefined;
  #fromList = false;
  #name = '';
  #schemaVerb = '';
  #with = -1;

  see(token: SqlLexer): void {
    if (this.#done) return;
    if (token.kind === 'punctuation') this.#punctuation(token.lexeme);
    else if (token.kind === 'word') this.#word(token.upper, token.lexeme);
    else if (token.kind === 'quoted') this.#named(token.lexeme);
    else this.#flush();
    this.#previous = token.upper;
  }

  result(): SqlSummary {
    this.#flush();
    const [only] = this.#tables;
    return {
      operation: this.#operation,
      collection: this.#tables.size === 1 ? only : undefined,
      summary: this.#parts.join(' '),
    };
  }

  #push(part: string): boolean {
    if (this.#length + part.length + 1 > maxSummary + 1) this.#done = true;
    if (this.#done) return false;
    this.#length += part.length + 1;
    this.#parts.push(part);
    return true;
  }

  #punctuation(char: string): void {
    if (char === '.' && this.#name !== '') {
      this.#name += char;
      return;
    }
    const table = this.#name !== '' && this.#expects === 'table' && this.#fromList;
    if (char === '(' && table) this.#forget();
    this.#flush();
    if (char === '(') this.#open();
    else if (char === ')') this.#close();
    else if (char === ';') this.#restart();
    else if (char === ',' && this.#with === this.#frames.length && this.#frame.operation === undefined) {
      this.#expects = 'local';
    } else if (char === ',' && this.#frame.list) this.#expectFrom();
  }

  #open(): void {
    if (this.#frames.length > 200) this.#done = true;
    this.#frames.push(this.#frame);
    this.#frame = { operation: undefined, list: false };
    this.#expects = undefined;
  }

  #close(): void {
    this.#frame = this.#frames.pop() ?? { operation: undefined, list: false };
  }

  #restart(): void {
    this.#frames = [];
    this.#frame = { operation: undefined, list: false };
    this.#fresh = true;
    this.#with = -1;
    this.#schemaVerb = '';
    this.#expects = undefined;
  }

  #expectFrom(): void {
    this.#expects = 'table';
    this.#fromList = true;
  }

  #word(upper: string, lexeme: string): void {
    if (this.#name.endsWith('.')) {
      this.#named(lexeme);
      return;
    }
    this.#flush();
    if (this.#fresh) this.#begin(upper);
    else this.#inside(upper, lexeme);
  }

  #inside(upper: string, lexeme: string): void {
    if (this.#schemaVerb !== '' && schemaKinds.has(upper)) this.#schema(upper);
    else if (inner.has(upper) && !notVerbAfter.has(this.#previous)) this.#verb(upper);
    else if (this.#expects !== undefined && beforeName.has(upper)) return;
    else if (!this.#clause(upper)) this.#named(lexeme);
  }

  #begin(upper: string): void {
    this.#fresh = false;
    if (upper === 'WITH') {
      this.#with = 0;
      this.#expects = 'local';
    } else if (verbs.has(upper)) this.#verb(upper);
    else this.#done = true;
  }

  #verb(upper: string): void {
    this.#expects = undefined;
    if (schemaVerbs.has(upper)) {
      this.#schemaVerb = upper;
      return;
    }
    this.#frame.operation = upper;
    this.#frame.list = false;
    this.#operation ??= upper;
    this.#push(upper);
    if (opaque.has(upper)) this.#done = true;
    if (upper === 'UPDATE' || namesTarget.has(upper)) {
      this.#expects = upper === 'CALL' || upper === 'EXEC' ? 'other' : 'table';
      this.#fromList = false;
    }
  }

  #schema(kind: string): void {
    const operation = `${this.#schemaVerb} ${kind}`;
    this.#schemaVerb = '';
    this.#operation ??= operation;
    this.#frame.operation = operation;
    this.#push(operation);
    this.#expects = kind === 'TABLE' ? 'table' : 'other';
    this.#fromList = false;
  }

  /** Words that open or end a list of tables. */
  #clause(upper: string): boolean {
    const { operation } = this.#frame;
    if (upper === 'RECURSIVE' && this.#expects === 'local') return true;
    if (upper === 'FROM' || upper === 'USING') {
      const lists =
        operation === 'SELECT' || operation === 'DELETE' || operation === 'UPDATE' || operation === 'MERGE';
      if (!lists || this.#previous === 'DISTINCT' || (upper === 'USING' && operation === 'SELECT'))
        return true;
      this.#frame.list = true;
      this.#expectFrom();
    } else if (upper === 'JOIN') this.#expectFrom();
    else if (upper === 'INTO') this.#expectInto(operation);
    else if (endsList.has(upper)) {
      this.#frame.list = false;
      this.#expects = undefined;
    } else return false;
    return true;
  }

  #expectInto(operation: string | undefined): void {
    if (operation === undefined) return;
    this.#expects = 'table';
    this.#fromList = false;
  }

  #named(lexeme: string): void {
    if (this.#expects === undefined) return;
    if (this.#name !== '' && !this.#name.endsWith('.')) return;
    this.#name += lexeme;
  }

  #forget(): void {
    this.#name = '';
    this.#expects = undefined;
  }

  #flush(): void {
    if (this.#name === '') return;
    const name = this.#name;
    const expects = this.#expects;
    this.#forget();
    if (name.length > maxName) return;
    if (expects === 'local') this.#local.add(name.toUpperCase());
    else if (!this.#local.has(name.toUpperCase()) && this.#push(name) && expects === 'table') {
      this.#tables.add(name.replace(/["`[\]]/g, ''));
    }
    if (withBody.has(this.#frame.operation?.split(' ')[1] ?? '')) this.#done = true;
  }
}
