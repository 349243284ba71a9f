/** CPU of redaction for a megabyte that was made to be slow: the budget is 50 ms. */
import { Redaction } from '../src/processing/redaction.ts';
import { minimum, table } from './figures.ts';

const size = 1_048_576;

/** What is repeated; the worst of some sixty that were tried, and one of ordinary log text. */
const pieces: readonly string[] = [
  '{"user":"ada","total":149.99},',
  '4111 ',
  '4111-1111-1111-1112-',
  '4111111111111112 ',
  'DE89 ',
  'DE89 3704 0044 0532 0130 01 ',
  'sk-',
  'ghp_',
  'eyJaaaaaaaaaaa.',
  'password=x,',
  '"token":"',
  "'password'=>",
  'basic aaaaaaa ',
  'http://a:b@',
  'http://a:bc/',
  '-----BEGIN ',
  '--',
  ':',
  '=',
  '\\"',
];

/** Runs the part and returns its section as markdown. */
export function redaction(rounds = 9): Promise<string> {
  const rules = new Redaction();
  const rows = pieces.map((piece) => {
    const text = piece.repeat(Math.ceil(size / piece.length)).slice(0, size);
    const samples = Array.from({ length: rounds }, (_, round) => millisFor(rules, `${text}${round}`));
    return [`\`${piece}\``, minimum(samples).toFixed(1)];
  });
  return Promise.resolve(table(['1 MB of', 'CPU ms, minimum'], rows));
}

function millisFor(rules: Redaction, text: string): number {
  const before = process.cpuUsage();
  rules.text(text);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
