import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { alertDestination } from '../../exporters/alert.ts';
import { fileDestination } from '../../exporters/file.ts';
import { flightRecorder } from '../../exporters/flight-recorder.ts';
import { httpLogDestination } from '../../exporters/http-log.ts';
import { memoryDestination } from '../../exporters/memory.ts';
import { applyDict, type DictConfig } from '../../src/logs/dict-config.ts';
import type { DestinationMakers } from '../../src/logs/dict-destinations.ts';
import { lineFormat } from '../../src/logs/format.ts';
import { spellForDict } from '../../src/logs/levels.ts';
import { getLogger } from '../../src/logs/logger.ts';
import { setSinks } from '../../src/logs/pipeline.ts';
import type { LogRecord } from '../../src/logs/record.ts';
import { configureNodes, nodeOf, parseLevels, setLevels } from '../../src/logs/tree.ts';
import { useRedaction } from '../../src/processing/redact.ts';
import dicts from '../fixtures/logging-dicts.json' with { type: 'json' };

class SpecialFilter {
  readonly foo: string;

  constructor({ foo }: { foo: string }) {
    this.foo = foo;
    seen.push(foo);
  }

  filter(record: LogRecord): boolean {
    return record.message !== this.foo;
  }
}

const seen: string[] = [];
const withId = () => (record: LogRecord) => ({ ...record, fields: { ...record.fields, request_id: 'r-1' } });

describe('dictConfig', () => {
  let folder = '';
  let lines: string[] = [];
  let own: LogRecord[] = [];
  let before: ReturnType<typeof setSinks> = [];

  const makers: DestinationMakers = {
    console(_stream, format = 'json') {
      const toLine = typeof format === 'function' ? format : lineFormat(format, false);
      return { write: (record) => void lines.push(toLine(record)) };
    },
    file: (options, format) => fileDestination({ ...options, path: path.join(folder, options.path), format }),
    memory: memoryDestination,
    recorder: flightRecorder,
    http: (options, format) => httpLogDestination({ ...options, format }),
    alerts: (options) => alertDestination(options),
  };
  const registry = {
    'core.logging.RequestIDFilter': withId,
    'config.logging_filters.RequestIdLogFilter': withId,
    'project.logging.SpecialFilter': SpecialFilter,
    'core.logging.skip_unreadable_post': (record: LogRecord) => record.message !== 'unreadable',
    FapilogHandler: () => ({ emit: (record: LogRecord) => void own.push(record) }),
  };

  function apply(dict: unknown): void {
    applyDict(dict as DictConfig, registry, makers);
  }

  function file(name: string): string {
    return readFileSync(path.join(folder, name), 'utf8');
  }

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'dict-'));
    lines = [];
    own = [];
    before = setSinks([]);
  });
  afterEach(() => {
    apply({ version: 1, disable_existing_loggers: false });
    configureNodes(new Map());
    spellForDict(undefined);
    setSinks(before);
    setLevels(parseLevels('info'));
    rmSync(folder, { recursive: true });
  });

  for (const [name, dict] of Object.entries(dicts)) {
    it(`loads the dict "${name}" without edits (A10)`, () => {
      apply(dict);
    });
  }

  it('sends records where S1 says: console, and JSON in a file (A10)', () => {
    apply(dicts['S1 production']);
    getLogger('myapp.orders').debug('made', { order_id: 1042 });
    getLogger('other').info('below');
    getLogger('other').warn('above');
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} DEBUG myapp\.orders made$/);
    expect(lines[1]).to.match(/ WARNING other above$/);
    const line = JSON.parse(file('logs/app.log'));
    expect(Object.keys(line)).to.eql(['asctime', 'levelname', 'name', 'message', 'order_id']);
  });

  it('gives one node two names: django.request is sonde.request (A10)', () => {
    expect(getLogger('django.security.csrf').name).to.equal('sonde.security.csrf');
    expect(nodeOf('django.db.backends')).to.equal(nodeOf('sonde.db'));
    apply(dicts['S2 production']);
    getLogger('sonde.request').warn('Not Found: /x');
    expect(lines).to.have.length(1);
    expect(file('var/log/django/myproject.log')).to.match(/^WARNING .* \d+ 0 Not Found: \/x\n$/);
  });

  it('prints a record once where only a logger has handlers (A10)', () => {
    const printed: LogRecord[] = [];
    setSinks([(record) => void printed.push(record)]);
    apply(dicts['S4 console']);
    getLogger('sonde.template').info('x');
    getLogger('app').info('y');
    expect(lines).to.eql(['x']);
    expect(printed.map((record) => record.message)).to.eql(['y']);
  });

  it('takes a built-in format by its name, or as the class of a formatter (A9)', () => {
    apply({
      version: 1,
      formatters: { elastic: { class: 'ecs' }, events: { '()': 'structlog' } },
      handlers: {
        a: { class: 'logging.StreamHandler', formatter: 'pino' },
        b: { class: 'logging.StreamHandler', formatter: 'elastic' },
        c: { class: 'logging.StreamHandler', formatter: 'events' },
      },
      loggers: { mixed: { handlers: ['a', 'b', 'c'] } },
    });
    getLogger('mixed').warn('made', { orderId: 1 });
    const [pino, ecs, structlog] = lines.map((line) => JSON.parse(line));
    expect(pino).to.include({ level: 40, name: 'mixed', msg: 'made', orderId: 1 });
    expect(ecs).to.include({ 'log.level': 'warning', 'log.logger': 'mixed', message: 'made' });
    expect(structlog).to.include({ event: 'made', level: 'warning', orderId: 1 });
    expect(() =>
      apply({ version: 1, handlers: { a: { class: 'logging.StreamHandler', formatter: 'pinoo' } } }),
    ).to.throw(/handlers\.a\.formatter "pinoo" is no formatter; did you mean pino\?/);
  });

  it('speaks Python without a preset, as S1 does: WARNING, CRITICAL (A1)', () => {
    apply({
      version: 1,
      handlers: { a: { class: 'logging.StreamHandler', formatter: 'json' } },
      root: { handlers: ['a'] },
    });
    getLogger('spelt').warn('a');
    getLogger('spelt').fatal('b');
    expect(lines.map((line) => JSON.parse(line).level)).to.eql(['WARNING', 'CRITICAL']);
  });

  it('makes filters with their keywords, and takes handlers of the app (A6, A7, A19)', () => {
    seen.length = 0;
    apply(dicts['S4 complex']);
    expect(seen).to.eql(['bar']);
    apply(dicts['S3 baseline']);
    getLogger('access').info('GET');
    expect(lines[0]).to.match(/ INFO access request_id=r-1 GET$/);
    apply(dicts['S0 bridge']);
    getLogger('any').critical('x');
    expect(own.map((record) => record.level)).to.eql(['CRITICAL']);
  });

  it('lets out what a memory handler holds when another dict takes over (A10)', () => {
    const handlers = {
      buffered: { class: 'logging.handlers.MemoryHandler', capacity: 10, target: 'file' },
      file: { class: 'logging.FileHandler', filename: 'held.log' },
    };
    apply({ version: 1, handlers, root: { handlers: ['buffered'], level: 'INFO' } });
    getLogger('any').info('held');
    expect(file('held.log')).to.equal('');
    apply({ version: 1 });
    expect(file('held.log')).to.equal('held\n');
  });

  it('silences what the null handler is for (A18)', () => {
    const sent: LogRecord[] = [];
    setSinks([], [(record) => void sent.push(record)]);
    apply(dicts['S4 null']);
    getLogger('sonde.security.DisallowedHost').error('x');
    expect(sent).to.eql([]);
  });

  it('leaves loggers alone that were there before, unless it is told not to (A11)', () => {
    const log = getLogger('dict.before');
    const root = { handlers: ['console'], level: 'INFO' };
    const handlers = { console: { class: 'logging.StreamHandler' } };
    apply({ version: 1, handlers, root });
    log.info('heard');
    apply({ version: 1, disable_existing_loggers: true, handlers, root });
    log.error('silent');
    getLogger('dict.after').info('new');
    expect(lines).to.eql(['heard', 'new']);
  });

  it('keeps its levels when init sets those of the environment (A12)', () => {
    apply({ version: 1, loggers: { 'dict.level': { level: 'DEBUG' } } });
    setLevels(parseLevels('error'));
    expect(getLogger('dict.level').level).to.equal('debug');
    expect(getLogger('dict.other').level).to.equal('error');
  });

  for (const [wrong, told] of [
    [
      { handlers: { file: { class: 'logging.FileHandlr' } } },
      /handlers\.file\.class .*logging\.FileHandler\?/,
    ],
    [
      { handlers: { file: { class: 'logging.FileHandler', filname: 'x' } } },
      /handlers\.file\.filname .*filename/,
    ],
    [
      { handlers: { log: { class: 'logging.handlers.SysLogHandler' } } },
      /handlers\.log\.class .*StreamHandler/,
    ],
    [
      { handlers: { n: { class: 'logging.NullHandler' } }, root: { handlers: ['nn'] } },
      /root\.handlers\.0 .* n\?/,
    ],
    [{ loggers: { shop: { level: 'WARNIN' } } }, /loggers\.shop\.level .*WARNING\?/],
    [
      { filters: { f: { '()': 'project.loging.SpecialFilter' } } },
      /filters\.f\.\(\) .*logging\.SpecialFilter\?/,
    ],
    [{ formatters: { v: { format: '{message', style: '{' } } }, /formatters\.v\.format/],
    [{ handler: {} }, /handler is no section; did you mean handlers\?/],
    [{ version: 2 }, /version/],
  ] as const) {
    it(`tells ${Object.keys(wrong)[0]} by path and nearest name: ${told.source} (A10)`, () => {
      expect(() => apply({ version: 1, ...wrong }))
        .to.throw(told)
        .with.property('code', 'SONDE_ERR_OPTION');
    });
  }

  it('adds to the rules of privacy, on top of those of init (A62)', () => {
    const log = getLogger('shop.privacy');
    const told = () => {
      lines = [];
      log.info('call from cust-4711', { customer: { nickname: 's3cret' }, iban: 'mine' });
      return lines.join();
    };
    const console = {
      handlers: { console: { class: 'logging.StreamHandler', formatter: 'json' } },
      root: { handlers: ['console'] },
    };
    apply({ version: 1, ...console });
    expect(told()).to.include('s3cret').and.include('cust-4711');
    apply({ version: 1, ...console, privacy: { redactKeys: ['nickname'], patterns: [/cust-\d+/g] } });
    useRedaction({});
    expect(told()).to.include('"nickname":"[REDACTED]"').and.not.include('cust-4711');
    apply({ version: 1, ...console });
    expect(told()).to.include('s3cret');
  });

  it('names a wrong rule of privacy by its path', () => {
    expect(() => apply({ version: 1, privacy: { redactKey: ['a'] } })).to.throw(
      /privacy\.redactKey .*redactKeys/,
    );
    expect(() => apply({ version: 1, privacy: { patterns: ['('] } })).to.throw(/privacy\.patterns/);
  });
});
