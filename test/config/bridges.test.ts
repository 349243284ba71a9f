import { expect } from 'chai';
import { resolveConfig, sourceOf } from '../../src/config/resolve.ts';

describe('the settings of bridges', () => {
  const rows: [
    env: Record<string, string>,
    path: 'pino' | 'logtape' | 'console' | 'debug' | 'level',
    value: unknown,
  ][] = [
    [{}, 'pino', ['send', 'inject']],
    [{}, 'console', ['send']],
    [{}, 'level', 'info'],
    [{ SONDE_BRIDGES__PINO: 'inject' }, 'pino', ['inject']],
    [{ SONDE_BRIDGES__PINO: 'Send, INJECT' }, 'pino', ['send', 'inject']],
    [{ SONDE_BRIDGES__PINO: 'none' }, 'pino', []],
    [{ SONDE_BRIDGES__LOGTAPE: 'send' }, 'logtape', ['send']],
    [{ SONDE_BRIDGES__CONSOLE: 'send,inject' }, 'console', ['send', 'inject']],
    [{ SONDE_BRIDGES__LEVEL: 'warn,pino=debug' }, 'level', 'warn,pino=debug'],
    [{ NODE_ENV: 'test' }, 'console', []],
    [{ NODE_ENV: 'test' }, 'pino', ['send', 'inject']],
    [{ NODE_ENV: 'test', SONDE_BRIDGES__CONSOLE: 'send' }, 'console', ['send']],
  ];

  for (const [env, path, value] of rows) {
    it(`make bridges.${path} ${JSON.stringify(value)} of ${JSON.stringify(env)}`, () => {
      const { config, problems } = resolveConfig({}, env);
      expect(config.bridges[path]).to.deep.equal(value);
      expect(problems).to.deep.equal([]);
    });
  }

  it('may be said in code, over a test runner, too', () => {
    const options = { bridges: { console: ['send'], level: 'error' } } as const;
    const { config } = resolveConfig(options, { VITEST: 'true' });
    expect(config.bridges).to.include({ level: 'error' });
    expect(config.bridges.console).to.deep.equal(['send']);
    expect(sourceOf(config, 'bridges.console')).to.equal('code');
  });

  it('are told what is wrong with them, and hold their defaults then', () => {
    const { config, problems } = resolveConfig(
      {},
      { SONDE_BRIDGES__PINO: 'print', SONDE_BRIDGES__LEVEL: 'loud' },
    );
    expect(config.bridges).to.include({ level: 'info' });
    expect(config.bridges.pino).to.deep.equal(['send', 'inject']);
    expect(problems.map(({ message }) => message).join('\n'))
      .to.match(/SONDE_BRIDGES__PINO is "print", which is not a list of send, inject, none; using/)
      .and.match(/SONDE_BRIDGES__LEVEL is "loud"/);
  });
});
