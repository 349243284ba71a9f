/** A configuration file that changes under a running process, and the signal that asks for it to be read. */
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Ended, runNode } from '../support/child.ts';
import { appFolder } from '../support/tarball.ts';

/** Says at which level it logs and how many files were refused whenever that changes, and ends at level fatal. */
const app = `
const { getLogger, init, dictConfig } = require('sonde');
init();
const log = getLogger('shop');
let last;
let refused = 0;
setInterval(() => {
  if (log.level !== last) console.log('level ' + (last = log.level));
  log.debug('detail');
  const { 'config.reload_errors': count = 0 } = init().status().counters;
  if (count !== refused) console.log('refused ' + (refused = count));
  if (last === 'fatal') process.exit(0);
}, 20);
`;

describe('a configuration file that changes', function () {
  this.timeout(60_000);
  let folder = '';
  let file = '';

  beforeEach(() => {
    folder = appFolder();
    file = join(folder, 'sonde.json');
  });

  const config = (level: string, more: object = {}): string => JSON.stringify({ logs: { level, ...more } });

  /** Each step waits for its text in what was printed, and then does something. */
  async function run(
    steps: [text: string, act: (kill: (s: NodeJS.Signals) => void) => void][],
    env = {},
  ): Promise<Ended> {
    writeFileSync(join(folder, 'app.cjs'), app);
    const left = [...steps];
    return runNode(['app.cjs'], {
      cwd: folder,
      env: { SONDE_OTLP: 'off', SONDE_CONFIG: file, ...env },
      onStdout(text, kill) {
        while (left.length > 0 && text.includes(left[0]![0])) left.shift()![1](kill);
      },
    });
  }

  const levels = ({ stdout }: Ended): string[] => stdout.match(/(?<=^level ).*$/gm) ?? [];

  it('is read again when it is written to, or replaced by a rename (A4)', async () => {
    writeFileSync(file, config('info'));
    const ended = await run([
      ['level info', () => writeFileSync(file, config('debug'))],
      [
        '"message":"detail"',
        () => {
          writeFileSync(`${file}.new`, config('warn', { loggers: { shop: { level: 'error' } } }));
          renameSync(`${file}.new`, file);
        },
      ],
      ['level error', () => writeFileSync(file, config('fatal'))],
    ]);
    expect(levels(ended), ended.stderr).to.deep.equal(['info', 'debug', 'error', 'fatal']);
    expect(ended.code).to.equal(0);
    expect(ended.stderr).to.equal('');
    // Said at INFO: the two levels that follow let none of that pass.
    expect(ended.lines.filter((line) => /was read again/.test(line.message))).to.have.length(1);
  });

  it("is followed through Kubernetes' links", async () => {
    const put = (name: string, level: string): void => {
      mkdirSync(join(folder, name));
      writeFileSync(join(folder, name, 'sonde.json'), config(level));
      symlinkSync(name, join(folder, '..data.new'));
      renameSync(join(folder, '..data.new'), join(folder, '..data'));
    };
    put('..1', 'info');
    symlinkSync('..data/sonde.json', file);
    const ended = await run([
      ['level info', () => put('..2', 'error')],
      ['level error', () => put('..3', 'fatal')],
    ]);
    expect(levels(ended), ended.stderr).to.deep.equal(['info', 'error', 'fatal']);
  });

  it('changes nothing when it is broken, and says so in one line', async () => {
    writeFileSync(file, config('info', { handlers: { console: { level: 'INFO' } } }));
    const broken = ['{ "logs": ', config('loud'), config('debug', { handlers: { console: { levl: 1 } } })];
    const write = (text: string) => () => writeFileSync(file, text);
    const ended = await run([
      ['level info', write(broken[0]!)],
      ['refused 1', write(broken[1]!)],
      ['refused 2', write(broken[2]!)],
      ['refused 3', write(config('fatal'))],
    ]);
    const told = ended.stderr.trimEnd().split('\n');
    expect(levels(ended)).to.deep.equal(['info', 'fatal']);
    expect(told, ended.stderr).to.have.length(3);
    expect(told[0]).to.match(/sonde\.json: it is not valid JSON.* The configuration before stays in force/);
    expect(told[1]).to.match(/logs\.level is \\"loud\\".* The configuration before stays in force/);
    expect(told[2]).to.match(/logs\.handlers\.console\.levl is no option.* The configuration before stays/);
    for (const line of told) expect(line).to.contain('SONDE_ERR_CONFIG_FILE');
  });

  it('is read again on the signal that is named, and on no other', async () => {
    file = join(folder, 'sonde.mjs');
    const program =
      'import fs from "node:fs"; export default { logs: { level: fs.readFileSync("level", "utf8") } };';
    writeFileSync(file, program);
    writeFileSync(join(folder, 'level'), 'info');
    const change = (level: string) => (kill: (s: NodeJS.Signals) => void) => {
      writeFileSync(join(folder, 'level'), level);
      kill('SIGHUP');
    };
    const named = await run(
      [
        ['level info', change('error')],
        ['level error', change('fatal')],
      ],
      {
        SONDE_RELOAD_SIGNAL: 'SIGHUP',
      },
    );
    expect(levels(named), named.stderr).to.deep.equal(['info', 'error', 'fatal']);
    expect(named.code).to.equal(0);
    writeFileSync(join(folder, 'level'), 'info');
    const unnamed = await run([['level info', change('error')]]);
    expect(levels(unnamed)).to.deep.equal(['info']);
    expect(unnamed.signal).to.equal('SIGHUP');
  });

  it('does not hold the process, nor what comes after shutdown', async () => {
    writeFileSync(file, config('info'));
    writeFileSync(join(folder, 'app.cjs'), `require('sonde').init(); console.log('done');`);
    const env = { SONDE_OTLP: 'off', SONDE_CONFIG: file, SONDE_RELOAD_SIGNAL: 'SIGUSR2' };
    const ended = await runNode(['app.cjs'], { cwd: folder, env, timeoutMillis: 10_000 });
    expect([ended.code, ended.stdout]).to.deep.equal([0, 'done\n']);
    writeFileSync(
      join(folder, 'app.cjs'),
      `require('sonde').init().shutdown().then(() => console.log(process.listenerCount('SIGUSR2')));`,
    );
    const after = await runNode(['app.cjs'], { cwd: folder, env });
    expect(after.stdout).to.equal('0\n');
  });

  it('does not undo what the app itself has said by dictConfig', async () => {
    writeFileSync(file, config('info'));
    writeFileSync(
      join(folder, 'app.cjs'),
      `const { dictConfig, getLogger, init } = require('sonde');
      init();
      dictConfig({ version: 1, disable_existing_loggers: false, root: { handlers: ['own'] },
        handlers: { own: { class: 'logging.StreamHandler' } } });
      console.log('ready');
      setInterval(() => {
        if (getLogger('a').level !== 'error') return;
        getLogger('a').error('by dictConfig');
        process.exit(0);
      }, 20);`,
    );
    const ended = await runNode(['app.cjs'], {
      cwd: folder,
      env: { SONDE_OTLP: 'off', SONDE_CONFIG: file },
      onStdout(text) {
        if (text.includes('ready')) writeFileSync(file, config('error', { handlers: { console: {} } }));
      },
    });
    expect(ended.stdout.split('\n')).to.include('by dictConfig');
  });
});
