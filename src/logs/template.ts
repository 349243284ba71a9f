/** Python's three styles of format strings, taken apart once: `{`, `%` and `$` (A9). */

export type TemplateStyle = '{' | '%' | '$';

/** A piece of text, or a name with what the format says about its look. */
export type Piece =
  | string
  | { readonly name: string; readonly show: (value: unknown, text: string) => string };

const styles: Readonly<Record<TemplateStyle, RegExp>> = {
  '%': /%%|%\(([^)]+)\)([-#0+ ]*)(\d*)(?:\.(\d+))?([a-zA-Z])/g,
  '{': /\{\{|\}\}|\{([^{}!:]+)(?:![rsa])?(?::([^{}]*))?\}/g,
  $: /\$\$|\$\{(\w+)\}|\$(\w+)/g,
};

/**
 * The pieces of a format string in their order. Throws an Error that says what of it cannot be understood; `validate`
 * off lets that stand as text.
 */
export function piecesOf(format: string, style: TemplateStyle, validate = true): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const found of format.matchAll(styles[style])) {
    addText(pieces, format.slice(end, found.index), style, validate);
    pieces.push(pieceOf(found, style));
    end = found.index + found[0].length;
  }
  addText(pieces, format.slice(end), style, validate);
  if (validate && pieces.every((piece) => typeof piece === 'string')) {
    throw new Error(`"${format}" names no attribute in the style "${style}"`);
  }
  return pieces;
}

function addText(pieces: Piece[], text: string, style: TemplateStyle, validate: boolean): void {
  const stray = style === '{' ? /[{}]/ : style === '%' ? /%/ : /\$/;
  if (validate && stray.test(text)) throw new Error(`"${text.trim()}" is not of the style "${style}"`);
  if (text !== '') pieces.push(text);
}

function pieceOf(found: RegExpExecArray, style: TemplateStyle): Piece {
  const [text, name, a = '', width = '', precision, kind = 's'] = found;
  if (style === '$') return name === undefined && !a ? '$' : { name: name ?? a, show: plain };
  if (name === undefined) return text.slice(0, 1);
  if (style === '{') return { name, show: a === '' ? plain : braces(a) };
  return { name, show: look({ ...flags(a), width: Number(width), precision: digits(precision), kind }) };
}

function plain(_value: unknown, text: string): string {
  return text;
}

interface Look {
  readonly fill: string;
  /** `<`, `>` or `^`; none: numbers to the right, text to the left. */
  readonly align: string | undefined;
  readonly sign: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly kind: string;
}

function flags(text: string): Pick<Look, 'fill' | 'align' | 'sign'> {
  const left = text.includes('-');
  const fill = text.includes('0') && !left ? '0' : ' ';
  return { fill, align: left ? '<' : '>', sign: text.includes('+') ? '+' : text.includes(' ') ? ' ' : '' };
}

function digits(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** `>8`, `*^10.3`, `05d`, `.2f`, `,`. */
function braces(spec: string): (value: unknown, text: string) => string {
  const found = /^(?:(.)?([<>=^]))?([-+ ])?#?(0)?(\d+)?[,_]?(?:\.(\d+))?([a-zA-Z%])?$/.exec(spec);
  if (found === null) throw new Error(`":${spec}" is not a format of a value`);
  const [, fill, align, sign = '', zero, width, precision, kind = ''] = found;
  return look({
    fill: fill ?? (zero === undefined ? ' ' : '0'),
    align: align === '=' ? '>' : (align ?? (zero === undefined ? undefined : '>')),
    sign: sign === '-' ? '' : sign,
    width: Number(width ?? 0),
    precision: digits(precision),
    kind,
  });
}

const widest = 1_000;

function look({ fill, align, sign, width, precision, kind }: Look): (value: unknown, text: string) => string {
  const room = Math.min(width, widest);
  return (value, text) => {
    const isNumber = typeof value === 'number' && Number.isFinite(value);
    let body = isNumber ? numberText(value, kind, precision, text) : text.slice(0, precision);
    if (isNumber && sign !== '' && value >= 0) body = sign + body;
    const side = align ?? (isNumber ? '>' : '<');
    if (fill === '0' && isNumber && side === '>') return zeros(body, room);
    if (side === '<') return body.padEnd(room, fill);
    if (side === '>') return body.padStart(room, fill);
    return body
      .padStart(body.length + Math.max(Math.floor((room - body.length) / 2), 0), fill)
      .padEnd(room, fill);
  };
}

function zeros(body: string, room: number): string {
  const sign = /^[-+ ]/.exec(body)?.[0] ?? '';
  return sign + body.slice(sign.length).padStart(room - sign.length, '0');
}

function numberText(value: number, kind: string, precision: number | undefined, text: string): string {
  const places = Math.min(precision ?? 6, 100);
  if (kind === 'd' || kind === 'i' || kind === 'u')
    return String(Math.trunc(value)).padStart(precision ?? 0, '0');
  if (kind === 'f' || kind === 'F') return value.toFixed(places);
  if (kind === '%') return `${(value * 100).toFixed(places)}%`;
  if (kind === 'e' || kind === 'E') return exponent(value.toExponential(places), kind);
  if (kind === 'x') return Math.trunc(value).toString(16);
  if (kind === 'X') return Math.trunc(value).toString(16).toUpperCase();
  if (kind === 'o') return Math.trunc(value).toString(8);
  return kind === 's' ? text.slice(0, precision) : text;
}

/** Two digits at least, as C writes it. */
function exponent(text: string, kind: string): string {
  const two = text.replace(/e([-+])(\d)$/, 'e$10$2');
  return kind === 'E' ? two.toUpperCase() : two;
}
