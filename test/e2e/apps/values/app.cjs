// Hands every hostile value to every public function, and after each call one good record, span and count.
const {
  addContext,
  counter,
  currentSpan,
  detached,
  extract,
  gauge,
  getLogger,
  histogram,
  init,
  inject,
  keepContext,
  observe,
  setLevel,
  withContext,
  withSpan,
} = require('sonde');

const log = getLogger('values');
const good = getLogger('good');
const goodCounter = counter('good.count');
const { values } = require('./hostile.cjs');

const calls = {
  'log.info message': (value) => log.info(value),
  'log.info fields': (value) => log.info('fields', value),
  'log.info field': (value) => log.info('field', { value }),
  'log.info nested field': (value) => log.info('field', { a: [{ value }] }),
  'log.info printf': (value) =>
    log.info('%s %d %i %f %j %o %O', value, value, value, value, value, value, value),
  'log.info template': (value) => log.info('{value} {missing}', { value }),
  'log.info lazy': (value) => log.info(() => value),
  'log.info lazy fields': (value) => log.info('lazy', () => value),
  'log.error error': (value) => log.error('failed', value, { value }),
  'log.error err': (value) => log.error({ err: value }, value),
  'log.exception': (value) => log.exception(value, value, value),
  'log.event': (value) => log.event(value, value),
  'log.log': (value) => log.log(value, value, value),
  'log.with': (value) => log.with(value).info('bound', { value }),
  'log.with field': (value) => log.with({ value }).info('bound'),
  'log.isEnabled': (value) => log.isEnabled(value),
  'log.level': (value) => {
    getLogger('values.level').level = value;
  },
  getLogger: (value) => getLogger(value).info('named'),
  setLevel: (value) => setLevel(value, value),
  'setLevel of a name': (value) => setLevel('values.other', value),
  withContext: (value) => expectRun((fn) => withContext(value, fn)),
  'withContext attribute': (value) => expectRun((fn) => withContext({ value, fine: 1 }, fn)),
  'withContext function': (value) => withContext({}, callable(value)),
  addContext: (value) => withContext({ unit: 1 }, () => addContext(value)),
  'addContext attribute': (value) => withContext({ unit: 1 }, () => addContext({ value })),
  'addContext inside a span': (value) => extract({}, () => withSpan('unit', () => addContext({ value }))),
  keepContext: (value) => keepContext(value),
  'detached function': (value) => detached(callable(value)),
  inject: (value) => inject(value),
  extract: (value) => expectRun((fn) => extract(value, fn)),
  'extract header': (value) =>
    expectRun((fn) =>
      extract({ traceparent: value, tracestate: value, baggage: value, 'x-correlation-id': value }, fn),
    ),
  'withSpan name': (value) => expectRun((fn) => withSpan(value, fn)),
  'withSpan attributes': (value) => expectRun((fn) => withSpan('hostile', value, fn)),
  'withSpan attribute': (value) => expectRun((fn) => withSpan('hostile', { value }, fn)),
  'counter name': (value) => counter(value).add(1),
  'counter options': (value) => counter('hostile.options', value).add(1),
  'counter value': (value) => counter('hostile.count').add(value),
  'counter attributes': (value) => counter('hostile.count').add(1, value),
  'counter attribute': (value) => counter('hostile.count').add(1, { value }),
  histogram: (value) => histogram('hostile.histogram').record(value, { value }),
  gauge: (value) => gauge('hostile.gauge').record(value, { value }),
  'observe name': (value) => observe(value, () => {}),
  'observe callback': (value) => observe('hostile.observed', callable(value)),
  'observe value': (value) => observe('hostile.value', (result) => result.observe(value, { value })),
  forceFlush: (value) => void init().forceFlush(value),
  status: () => init().status(),
};

/** What is no function stays; what is one is not called by us. */
function callable(value) {
  return typeof value === 'function' ? () => {} : value;
}

function expectRun(call) {
  let runs = 0;
  const given = call(() => {
    runs += 1;
    return 'given';
  });
  if (runs !== 1) throw new Error(`fn ran ${runs} times`);
  if (given !== 'given') throw new Error(`gave ${String(given)}`);
}

const threw = [];
process.on('unhandledRejection', (error) => threw.push(`rejection: ${error?.stack}`));

/** These are OpenTelemetry's own spans: what they throw is theirs, what they keep must not hurt others. */
const foreign = {
  'span.setAttribute': (value) =>
    withSpan('hostile', (span) => quietly(() => span.setAttribute('value', value))),
  'span.addEvent': (value) =>
    withSpan('hostile', () => quietly(() => currentSpan().addEvent('event', { value }))),
};

function quietly(call) {
  try {
    call();
  } catch {}
}

async function main() {
  let at = 0;
  for (const [call, run] of Object.entries({ ...calls, ...foreign })) {
    for (const [name, value] of Object.entries(values)) {
      try {
        run(value);
      } catch (error) {
        threw.push(`${call} of ${name}: ${error?.stack?.split('\n').slice(0, 3).join(' | ')}`);
      }
      good.info('good', { at });
      withSpan('good', { at }, () => {});
      goodCounter.add(1, { group: 'good' });
      at += 1;
    }
    await init().forceFlush({ timeoutMillis: 60_000 });
  }
  process.stdout.write(`\n${JSON.stringify({ rounds: at, threw, polluted: {}.polluted ?? null })}\n`);
}

main();
