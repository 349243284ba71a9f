/** What every instrumentation that patches a module must keep, as one suite. */
import { join } from 'node:path';
import { SpanStatusCode } from '@opentelemetry/api';
import { AlwaysOffSampler, type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace';
import { expect } from 'chai';
import { activeContext, runIn } from '../../src/context/context.ts';
import { stampOf } from '../../src/context/correlation.ts';
import { suppressed } from '../../src/context/suppression.ts';
import type { Instrumentation } from '../../src/instrumentation.ts';
import { type ArmedProcess, armed } from './armed.ts';
import { runNode } from './child.ts';
import { nodeVersions } from './nodes.ts';

/** One instrumentation and how to use its target. */
export interface InstrumentationCase {
  readonly name: string;
  readonly make: () => Instrumentation;
  /** Duration histogram that counts every call. */
  readonly metric: string;
  /** Objects whose methods are patched. */
  readonly patched: () => readonly object[];
  /** One call that makes one span. */
  readonly succeed: () => Promise<unknown>;
  /** One call that fails, gives back what was thrown, and makes one span. */
  readonly fail: () => Promise<unknown>;
  readonly errorType: string;
  /** Skips the suite when what it needs is not there. */
  readonly before?: (test: Mocha.Context) => Promise<void>;
  /** Apps in `test/fixtures/loading` that make calls, by name; each imports the target in another way. */
  readonly apps: readonly string[];
  /** Name of the span that each app makes. */
  readonly spanName: string;
}

const root = join(import.meta.dirname, '../..');
const preload = join(root, 'test/support/preload.ts');

/** Whatever can be seen of an object's own methods. */
export function methodsOf(target: object): unknown[] {
  return Reflect.ownKeys(target).map((key) => [key, Object.getOwnPropertyDescriptor(target, key)?.value]);
}

/** Remembers what the sampler was shown. */
function watchingSampler(shown: object[]): Sampler {
  return {
    shouldSample: (_context, _trace, _name, _kind, attributes) => {
      shown.push(attributes);
      return { decision: SamplingDecision.NOT_RECORD };
    },
    toString: () => 'watching',
  };
}

/** Declares the suite; call it inside the `describe` of the instrumentation. */
export function instrumentationContract(given: InstrumentationCase): void {
  describe('keeps the contract of an instrumentation', () => {
    let process: ArmedProcess | undefined;
    const start = (sampler?: Sampler): ArmedProcess => {
      process = armed([given.make()], sampler);
      return process;
    };

    before(async function () {
      await given.before?.(this);
    });

    afterEach(async () => {
      await process?.stop();
      process = undefined;
    });

    it('names itself and its modules', () => {
      const { name, modules } = given.make();
      expect(name).to.equal(given.name);
      expect(modules).to.not.be.empty;
    });

    it('sees a call, on the span and in the metric', async () => {
      const { calls, points } = start();
      await given.succeed();
      expect(calls()).to.have.length(1);
      expect(await points(given.metric)).to.have.length(1);
    });

    it('makes the span a child of the work that asked', async () => {
      const { calls, within } = start();
      await within('parent', async (span) => {
        await given.succeed();
        expect(calls()[0]?.parentSpanContext?.spanId).to.equal(span.spanContext().spanId);
      });
    });

    it('leaves nothing behind when disarmed', async () => {
      const before = given.patched().map(methodsOf);
      const { armed: hooks, calls } = start();
      expect(given.patched().map(methodsOf)).to.not.deep.equal(before);
      hooks.disarm();
      expect(given.patched().map(methodsOf)).to.deep.equal(before);
      await given.succeed();
      expect(calls()).to.have.length(0);
    });

    it('can be armed again', async () => {
      start().armed.disarm();
      const { calls } = start();
      await given.succeed();
      expect(calls()).to.have.length(1);
    });

    it('records an error and passes it on unchanged', async () => {
      const plain = (await given.fail()) as Error;
      const { calls, points } = start();
      const error = (await given.fail()) as Error;
      expect(error.constructor).to.equal(plain.constructor);
      expect(error.message).to.equal(plain.message);
      expect(Object.keys(error)).to.deep.equal(Object.keys(plain));
      const [span] = calls();
      expect(span?.status.code).to.equal(SpanStatusCode.ERROR);
      expect(span?.attributes['error.type']).to.equal(given.errorType);
      const [point] = await points(given.metric);
      expect(point?.attributes['error.type']).to.equal(given.errorType);
    });

    it('does no attribute work for an unsampled span, and still measures', async () => {
      const shown: object[] = [];
      const { within, points, calls } = start(watchingSampler(shown));
      await within('unsampled', given.succeed);
      expect(calls()).to.have.length(0);
      expect(shown).to.have.length(2);
      expect(shown.at(-1)).to.deep.equal({});
      expect(await points(given.metric)).to.have.length(1);
    });

    it('measures with sampling off', async () => {
      const { points, spans } = start(new AlwaysOffSampler());
      await given.succeed();
      expect(spans).to.have.length(0);
      expect(await points(given.metric)).to.have.length(1);
    });

    it('is blind in a suppressed context', async () => {
      const { calls, points } = start();
      await runIn(suppressed(activeContext()), given.succeed);
      expect(calls()).to.have.length(0);
      expect(await points(given.metric)).to.have.length(0);
    });

    it('keeps the context of the caller across a call', async () => {
      const { within } = start();
      await within('kept', async (span) => {
        const before = activeContext();
        await given.succeed();
        await given.fail();
        expect(activeContext()).to.equal(before);
        expect(stampOf(activeContext()).spanId).to.equal(span.spanContext().spanId);
        expect(stampOf(activeContext()).correlationId).to.equal('kept');
      });
    });

    async function look(app: string, node: string): Promise<void> {
      const args = ['--no-warnings', '--experimental-strip-types', '--import', preload];
      const ended = await runNode([...args, join(root, 'test/fixtures/loading', app)], { cwd: root, node });
      expect(ended.code, `${app}: ${ended.stderr}`).to.equal(0);
      const seen = ended.lines.at(-1)!;
      expect(
        seen.spans.map((span: { name: string }) => span.name),
        app,
      ).to.deep.equal([given.spanName]);
      expect([...seen.missed, ...seen.said], app).to.deep.equal([]);
    }

    for (const { name, path } of nodeVersions()) {
      it(`sees ${given.apps.join(', ')} on Node ${name}`, async () => {
        await Promise.all(given.apps.map((app) => look(app, path)));
      }).timeout(60_000);
    }
  });
}
