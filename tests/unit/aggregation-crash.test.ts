import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Aggregation, type Publication } from '../../src/aggregation/aggregation.ts';
import type { Aggregate } from '../../src/messages/aggregate.ts';
import type { AssessmentResult, RiskLevel } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { detection, result } from '../support/samples.ts';

const T0 = 1_700_000_000_000;
const OPTIONS = { deadlineMs: 5_000, rememberFrames: 50, rememberClosed: 50, earlyFrames: 50, earlyMs: 60_000 };

type Sent = { readonly detection: Detection } | { readonly result: AssessmentResult };

/** A stream as the bus keeps it: what has an id that is known is not stored again. */
class Stream {
  readonly stored: Aggregate[] = [];

  /** What stands there under the id already; null when this is new. */
  put(aggregate: Aggregate): Aggregate | null {
    const found = this.stored.find(
      ({ requestId, revision }) => requestId === aggregate.requestId && revision === aggregate.revision,
    );
    if (found === undefined) this.stored.push(structuredClone(aggregate));
    return found ?? null;
  }

  of({ requestId }: Detection): Aggregate[] {
    return this.stored.filter((each) => each.requestId === requestId);
  }
}

/**
 * The aggregator around {@link Aggregation}, with a bus that delivers in any order, repeats, and a life that ends
 * anywhere.
 */
class World {
  readonly aggregates = new Stream();
  readonly alerts = new Stream();
  readonly #sent: readonly Sent[];
  readonly #acked = new Set<Sent>();
  #held: Sent[] = [];
  #frames = new Aggregation(OPTIONS);
  #onTheWay: Publication[] = [];
  #now = T0;

  constructor(sent: readonly Sent[]) {
    this.#sent = sent;
  }

  deliver(index: number): void {
    const message = this.#sent[index % this.#sent.length];
    if (message === undefined) return;
    this.#now += 1;
    if ('detection' in message) this.#frames.onDetection(message.detection, this.#now);
    else this.#frames.onResult(message.result, this.#now);
    this.#held.push(message);
    this.#settle();
  }

  pass(ms: number): void {
    this.#now += ms;
    this.#frames.onTime(this.#now);
    assert.deepEqual(this.#frames.takeGivenUp(), []);
  }

  send(): void {
    const next = this.#frames.take(this.#now);
    if (next !== null) this.#onTheWay.push(next);
  }

  /** The bus answers one of those on the way. `alerts`: or the life ends before the alerts have it. */
  answer(index: number, alerts: boolean): void {
    const [publication] = this.#onTheWay.splice(index % Math.max(1, this.#onTheWay.length), 1);
    if (publication === undefined) return;
    const found = publication.alertOnly ? null : this.aggregates.put(publication.aggregate);
    const outcome = this.#frames.stored(publication, found);
    if (outcome === null) return;
    if (outcome.alert !== 'none') {
      if (!alerts) {
        this.crash(false);
        return;
      }
      this.alerts.put(outcome.aggregate);
    }
    this.#frames.done(publication.aggregate.requestId, outcome.alert);
    this.#settle();
  }

  /** `late`: what was on its way lands, but only after the new life has read the stream. */
  crash(late: boolean): void {
    const seen = [...this.aggregates.stored];
    if (late) for (const { aggregate, alertOnly } of this.#onTheWay) if (!alertOnly) this.aggregates.put(aggregate);
    this.#onTheWay = [];
    this.#held = [];
    this.#frames = new Aggregation(OPTIONS);
    for (const aggregate of seen) this.#frames.restore(aggregate);
  }

  /** Everything not settled comes again; the bus answers all. */
  finish(): void {
    this.#sent.forEach((message, index) => {
      if (!this.#acked.has(message)) this.deliver(index);
    });
    this.pass(10_000);
    this.#answerAll();
    assert.equal(this.#acked.size, this.#sent.length, 'everything is settled');
    assert.ok(this.#frames.remembered <= OPTIONS.rememberFrames && this.#frames.closed <= OPTIONS.rememberClosed);
  }

  #answerAll(): void {
    for (let i = 0; i < 1_000; i += 1) {
      this.send();
      if (this.#onTheWay.length === 0) return;
      this.answer(0, true);
    }
    assert.fail('it never ends');
  }

  #settle(): void {
    this.#held = this.#held.filter((message) => {
      const { requestId } = 'detection' in message ? message.detection : message.result;
      if (!this.#frames.isSettled(requestId)) return true;
      this.#acked.add(message);
      return false;
    });
  }
}

const LEVELS: readonly RiskLevel[] = ['none', 'low', 'medium', 'high'];

test('in any order, with repeats and crashes anywhere, each frame ends with every answer, numbered upwards', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), which: fc.nat(30) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('send' as const), which: fc.constant(0) }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom('answer' as const, 'half-answer' as const), which: fc.nat(5) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), which: fc.constantFrom(100, 6_000) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'crash-late' as const), which: fc.constant(0) }),
    },
  );
  const frames = fc.array(fc.array(fc.constantFrom(...LEVELS), { maxLength: 3 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(frames, fc.array(step, { maxLength: 60, size: 'max' }), (levels, steps) => {
      const all = levels.map((each) => ({
        levels: each,
        frame: detection(each.length, { timestamp: new Date(T0).toISOString() }),
      }));
      const sent = all.flatMap(({ levels: each, frame }): Sent[] => [
        { detection: frame },
        ...each.map((level, i) => ({ result: result(frame, i + 1, level) })),
      ]);
      const world = new World(sent);
      for (const { do: what, which } of steps) {
        if (what === 'deliver') world.deliver(which);
        else if (what === 'send') world.send();
        else if (what === 'answer' || what === 'half-answer') world.answer(which, what === 'answer');
        else if (what === 'pass') world.pass(which);
        else world.crash(what === 'crash-late');
      }
      world.finish();
      for (const { levels: each, frame } of all) {
        const out = world.aggregates.of(frame);
        assert.deepEqual(
          out.map(({ revision }) => revision),
          out.map((_, index) => index),
          'revisions are 0, 1, 2...',
        );
        const last = out.at(-1);
        assert.ok(last, 'it went out');
        assert.deepEqual(
          last.riskAssessment.results.map(({ riskLevel }) => riskLevel),
          each,
        );
        assert.deepEqual(last.riskAssessment.missingGroups, []);
        const isAlert = each.includes('high');
        const alerts = world.alerts.of(frame);
        assert.equal(alerts.length > 0, isAlert);
        assert.deepEqual(alerts.at(-1), isAlert ? last : undefined, 'the alerts end with the same');
      }
    }),
    { numRuns: 2_000 },
  );
});
