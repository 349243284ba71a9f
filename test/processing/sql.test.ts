import { expect } from 'chai';
import fc from 'fast-check';
import { readSql, sanitize, summarize } from '../../src/processing/sql.ts';

const marker = 'S3CRET';
const filler = fc.string({
  unit: fc.constantFrom(
    'a',
    ' ',
    "'",
    '"',
    '\\',
    '`',
    '$',
    '-',
    '/',
    '*',
    '#',
    ';',
    ',',
    '(',
    ')',
    '\n',
    'é',
    '?',
  ),
  maxLength: 8,
});
const secret = fc.tuple(filler, filler).map(([before, after]) => before + marker + after);
const digits = '8675309';

const single = secret.map((text) => `'${text.replaceAll("'", "''")}'`);
const escaped = secret.map((text) => `'${text.replace(/[\\']/g, '\\$&')}'`);
const doubled = secret.map((text) => `"${text.replace(/[\\"]/g, '\\$&')}"`);
const dollar = secret.map((text) => `$q$${text.replaceAll('$', '')}$q$`);
const comment = secret.map((text) => `/* ${text.replaceAll(/[*/]/g, '')} */`);
const line = secret.map((text) => `-- ${text.replaceAll('\n', ' ')}\n`);
const numeric = fc.constantFrom(
  digits,
  `-${digits}`,
  `0x${digits}`,
  `1.${digits}`,
  `.${digits}`,
  `1e${digits}`,
  `$${digits}`,
  `${digits}e-5`,
);

const literals: Record<string, fc.Arbitrary<string>> = {
  postgresql: fc.oneof(
    single,
    escaped.map((text) => `E${text}`),
    dollar,
    comment,
    line,
    numeric,
  ),
  sqlite: fc.oneof(single, comment, line, numeric),
  mysql: fc.oneof(
    escaped,
    doubled,
    comment,
    line,
    numeric,
    secret.map((text) => `# ${text.replaceAll('\n', ' ')}\n`),
  ),
};
const frame = fc.constantFrom(
  'SELECT * FROM orders WHERE id = ',
  ' AND name = ',
  ' IN (',
  ', ',
  ')',
  ' = ',
  ' - ',
  ' (',
  '::text ',
  '[',
  ']',
  'INSERT INTO users (a, b) VALUES (',
  '), (',
  ' LIMIT ',
  ' || ',
  ' $1 ',
  ' ? ',
  ' :name ',
  ' t.a ',
  ' ; ',
  ' x@> ',
);
const statementIn = (dialect: string) =>
  fc.array(fc.tuple(frame, literals[dialect]!), { maxLength: 12 }).map((pairs) => pairs.flat().join(''));

describe('sql', () => {
  for (const dialect of Object.keys(literals)) {
    it(`lets no planted literal of ${dialect} out`, () => {
      fc.assert(
        fc.property(statementIn(dialect), (text) => {
          const { text: clean, summary } = readSql(text, dialect);
          return ![marker, digits].some((planted) => clean.includes(planted) || summary.includes(planted));
        }),
        { numRuns: 2000 },
      );
    });

    it(`changes nothing the second time (${dialect})`, () => {
      const anyText = fc.oneof(
        statementIn(dialect),
        filler,
        fc.string({ maxLength: 60 }),
        fc.array(frame).map((parts) => parts.join('')),
      );
      fc.assert(
        fc.property(anyText, (text) => {
          const once = sanitize(text, dialect);
          expect(sanitize(once, dialect)).to.equal(once);
        }),
        { numRuns: 2000 },
      );
    });
  }

  it('never throws and keeps its bounds, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => {
        const { text: clean, summary } = readSql(text);
        return clean.length <= 8192 && summary.length <= 255;
      }),
    );
    expect(sanitize(undefined as never)).to.equal('');
  });

  const rows: [string, string, string?][] = [
    ["SELECT * FROM t WHERE a = 5 AND b = 'x''y'", 'SELECT * FROM t WHERE a = ? AND b = ?'],
    ['SELECT * FROM t WHERE a IN (1, 2,3)', 'SELECT * FROM t WHERE a IN (?)'],
    ['SELECT * FROM t WHERE a IN ($1,$2)', 'SELECT * FROM t WHERE a IN ($1, $2)'],
    ['SELECT * FROM t WHERE a IN (1, 2, $1)', 'SELECT * FROM t WHERE a IN (?, ?, $1)'],
    [
      "INSERT INTO t (a) VALUES (1, now()), (2, 'b') RETURNING id",
      'INSERT INTO t (a) VALUES (?, now()) RETURNING id',
    ],
    ['SELECT a-5, -5, b - 5', 'SELECT a-?, ?, b - ?'],
    ['SELECT .5, 1e-5, 0xFF, 1_000', 'SELECT ?, ?, ?, ?'],
    ['SELECT a[1:2], x::text FROM t', 'SELECT a[?:?], x::text FROM t'],
    ['SELECT /* why */ 1 -- really\n, 2', 'SELECT ?, ?'],
    ['SELECT /* a /* b */ c */ 1', 'SELECT ?', 'postgresql'],
    ['SELECT  :name,\n\t@v, $1, ?', 'SELECT :name, @v, $1, ?'],
    ["SELECT U&'d', N'n', X'ff', B'01'", 'SELECT ?, ?, ?, ?'],
    ['DO $$ BEGIN RAISE; END $$', 'DO ?', 'postgresql'],
    ['SELECT "Name", [Order Details], `x` FROM "T"', 'SELECT "Name", [Order Details], `x` FROM "T"'],
    ['SELECT "it\'s" # mine', 'SELECT ?', 'mysql'],
    ["ALTER USER bob PASSWORD 'hunter2'", 'ALTER USER bob PASSWORD ?'],
  ];
  for (const [given, expected, dialect] of rows) {
    it(`writes ${JSON.stringify(given)} as ${JSON.stringify(expected)}`, () => {
      expect(sanitize(given, dialect)).to.equal(expected);
    });
  }

  for (const quote of ["'", '"', '`', '$$', '$tag$', "E'", '/*', '--']) {
    it(`does not leak the rest behind ${quote} that never closes`, () => {
      expect(sanitize(`SELECT ${quote}${marker} and more`)).to.not.include(marker);
    });
  }

  const dialects = [
    'postgresql',
    'mysql',
    'mariadb',
    'sqlite',
    'microsoft.sql_server',
    'oracle.db',
    'gcp.spanner',
    'clickhouse',
    'other_sql',
  ];
  const openers = ["'", "E'", "N'", "q'[", "'''", '/*', '--', "$$'", '`', '"'];
  for (const dialect of dialects) {
    it(`lets nothing out before or behind what never closes in ${dialect}`, () => {
      for (const opener of openers) {
        const { text, summary } = readSql(`SELECT '${marker}' FROM t WHERE b = ${opener}`, dialect);
        expect(text + summary, opener).to.not.include(marker);
      }
      for (const opener of ["'", "N'", '/*', "'a''"]) {
        const { text, summary } = readSql(`SELECT a FROM t WHERE b = ${opener}${marker} and more`, dialect);
        expect(text + summary, opener).to.not.include(marker);
      }
    });

    it(`takes a statement of 1 MB in ${dialect}, whatever it repeats`, () => {
      const more = [
        '*/',
        '/* /* */',
        '(',
        ',',
        'IN (1,',
        'VALUES (',
        '1e',
        '.',
        'a',
        ' ',
        ':',
        '@',
        '?',
        '\\',
      ];
      for (const piece of [...openers, ...more]) {
        const { text } = readSql(`SELECT ${piece.repeat(Math.ceil(1_000_000 / piece.length))}`, dialect);
        expect(text.length, piece).to.be.at.most(8192);
      }
    });
  }

  const quoted: [string, string[], string, string][] = [
    ["Oracle's own delimiters", ['oracle.db', 'other_sql'], "q'[it's S3CRET]'", '?'],
    ['the national form of them', ['oracle.db', 'other_sql'], "nq'!it's S3CRET!'", '?'],
    ['brackets around a name', ['microsoft.sql_server'], "[Order Details], N'S3CRET'", '[Order Details], ?'],
    ['a quote behind a backslash that may hide it', ['clickhouse'], "'it\\'s S3CRET', 'more'", '?'],
    ['three quotes that may be one', ['other_sql'], "'''it's S3CRET'''", '?'],
    ['text in double quotes', ['gcp.spanner', 'hive'], '"S3CRET", 1', '?, ?'],
    ['an executable comment', ['mysql', 'mariadb'], "/*! 'S3CRET' */ 1", '?'],
    ['a text with its character set', ['mysql', 'mariadb'], "_utf8'S3CRET'", '_utf8?'],
    ['two signs that are no comment', ['mysql', 'mariadb'], "5--'a\n S3CRET '", '? ?'],
    ['tags within tags', ['postgresql'], '$a$ $b$ S3CRET $b$ $a$', '?'],
    ['a Unicode text and its escape', ['postgresql'], "U&'S3CRET' UESCAPE '!'", '? UESCAPE ?'],
    ['a text that goes on in the next line', ['postgresql'], "'a'\n'S3CRET'", '? ?'],
  ];
  for (const [what, systems, given, expected] of quoted) {
    it(`knows ${what} (${systems.join(', ')})`, () => {
      for (const system of systems)
        expect(sanitize(`SELECT ${given}`, system)).to.equal(`SELECT ${expected}`);
    });
  }

  const summaries: [string, string, (string | undefined)?, (string | undefined)?][] = [
    ['select * from orders', 'SELECT orders', 'SELECT', 'orders'],
    [
      'SELECT * FROM songs s, public.artists JOIN "Album List" ON true',
      'SELECT songs public.artists "Album List"',
      'SELECT',
    ],
    ['INSERT INTO users (a) SELECT b FROM people', 'INSERT users SELECT people', 'INSERT'],
    ['SELECT * FROM (SELECT * FROM orders) o', 'SELECT SELECT orders', 'SELECT', 'orders'],
    ['UPDATE ONLY accounts SET a = 1 FROM x', 'UPDATE accounts x', 'UPDATE'],
    ['UPDATE OR IGNORE accounts SET a = 1', 'UPDATE accounts', 'UPDATE', 'accounts'],
    ['DELETE FROM "Users" WHERE a IS DISTINCT FROM b', 'DELETE "Users"', 'DELETE', 'Users'],
    [
      'WITH x AS (DELETE FROM a RETURNING *) INSERT INTO b SELECT * FROM x',
      'DELETE a INSERT b SELECT',
      'DELETE',
    ],
    ['SELECT EXTRACT(YEAR FROM day) FROM t FOR UPDATE', 'SELECT t', 'SELECT', 't'],
    ['INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1', 'INSERT t', 'INSERT', 't'],
    ['CREATE TABLE IF NOT EXISTS t (a int)', 'CREATE TABLE t', 'CREATE TABLE', 't'],
    ['BEGIN; SELECT 1; COMMIT', 'BEGIN SELECT COMMIT', 'BEGIN'],
    ['SELECT * FROM generate_series(1, 3)', 'SELECT', 'SELECT'],
    ['CALL refund(5)', 'CALL refund', 'CALL'],
    ['gibberish 4711', '', undefined],
  ];
  for (const [given, summary, operation, collection] of summaries) {
    it(`sums up ${given} as '${summary}'`, () => {
      expect(summarize(given)).to.deep.equal({ summary, operation, collection });
    });
  }

  it('ends a long summary between names', () => {
    const { summary } = summarize(
      `SELECT * FROM ${Array.from({ length: 100 }, (_, at) => `table_${at}`).join(', ')}`,
    );
    expect(summary).to.have.length.at.most(255);
    expect(summary).to.match(/ table_\d+$/);
  });

  it('caps a long text at 8,192 characters, between tokens', () => {
    const text = sanitize(`SELECT ${Array.from({ length: 5000 }, (_, at) => `"column ${at}"`).join(', ')}`);
    expect(text).to.have.length.at.most(8192);
    expect(text.endsWith('...')).to.equal(true);
    expect(sanitize(text)).to.equal(text);
  });

  it('gives equal texts one object, and none that grows without end', () => {
    const first = readSql('SELECT 1 FROM cached');
    expect(readSql('SELECT 1 FROM cached')).to.equal(first);
    for (let at = 0; at < 2000; at += 1) readSql(`SELECT ${at} FROM many`);
    expect(readSql('SELECT 1 FROM cached')).to.not.equal(first);
  });
});
