import { expect } from 'chai';
import { jsonFormat } from '../../src/logs/json-format.ts';
import { setLevel } from '../../src/logs/logger.ts';
import { diagnosticsVoice } from '../../src/logs/voice.ts';

describe("Sonde's own voice", () => {
  function heard(): { log: string[]; trouble: string[]; voice: ReturnType<typeof diagnosticsVoice> } {
    const log: string[] = [];
    const trouble: string[] = [];
    const stream = (lines: string[]) => ({
      write: (line: string) => void lines.push(line),
      isTerminal: false,
    });
    const voice = diagnosticsVoice({ format: jsonFormat(), log: stream(log), trouble: stream(trouble) });
    return { log, trouble, voice };
  }

  it('is a record of sonde.diagnostics: success on the log stream, troubles on stderr', () => {
    const { log, trouble, voice } = heard();
    voice('info', 'all is well', { n: 1 });
    voice('debug', 'detail', {});
    voice('warn', 'hm', { 'error.code': 'SONDE_ERR_ENV' });
    voice('error', 'oh', {});
    expect(log.map((line) => JSON.parse(line))).to.have.length(1);
    expect(JSON.parse(log[0]!)).to.include({
      level: 'INFO',
      logger: 'sonde.diagnostics',
      message: 'all is well',
      n: 1,
    });
    expect(trouble.map((line) => JSON.parse(line).level)).to.eql(['WARN', 'ERROR']);
  });

  it('has a level in the tree like any other', () => {
    const { log, trouble, voice } = heard();
    setLevel('sonde.diagnostics', 'error');
    voice('info', 'x', {});
    voice('warn', 'x', {});
    setLevel('sonde.diagnostics', 'debug');
    voice('debug', 'now', {});
    setLevel('sonde.diagnostics', undefined);
    expect([log.length, trouble.length]).to.eql([1, 0]);
  });
});
