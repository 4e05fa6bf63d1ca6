import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Aggregation } from '../../src/aggregation/aggregation.ts';
import type { Publication } from '../../src/aggregation/aggregation.types.ts';
import { type Aggregate, isAlert } from '../../src/messages/aggregate.ts';
import type { AssessmentResult, RiskLevel } from '../../src/messages/assessment.ts';
import type { Detection } from '../../src/messages/detection.ts';
import { at, OPTIONS as ALL, rulesSay, T0 } from '../support/aggregation.ts';
import { incident } from '../support/incidents.ts';
import { detection, result } from '../support/samples.ts';

/** Rules that see a danger in every second group. */
const OPTIONS = {
  ...ALL,
  assessByRules: (subject: Parameters<typeof ALL.assessByRules>[0]) =>
    rulesSay(subject.group.groupIndex === 2 ? 'high' : 'none')(subject),
  rememberFrames: 50,
  rememberClosed: 50,
  earlyFrames: 50,
};

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

/** The model's level, an answer of the rules, or no answer. */
type Said = RiskLevel | 'by-rules' | 'no-answer';
const SAID: readonly Said[] = ['none', 'low', 'medium', 'high', 'by-rules', 'no-answer'];

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('deliver' as const), which: fc.nat(30) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('send' as const), which: fc.constant(0) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constantFrom('answer' as const, 'half-answer' as const), which: fc.nat(5) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), which: fc.constantFrom(100, 3_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('crash' as const, 'crash-late' as const), which: fc.constant(0) }),
  },
);
/** Frames of one camera, so that they share their groups. */
const frames = fc.array(fc.array(fc.constantFrom(...SAID), { maxLength: 3 }), { minLength: 1, maxLength: 4 });

/** The frame ends with every answer; `said`: of its groups. */
function checkFrame(world: World, frame: Detection, said: readonly Said[]): void {
  const out = world.aggregates.of(frame);
  assert.deepEqual(
    out.map(({ revision }) => revision),
    out.map((_, index) => index),
    'revisions are 0, 1, 2...',
  );
  const last = out.at(-1);
  assert.ok(last, 'it went out');
  const { results, missingGroups } = last.riskAssessment;
  assert.deepEqual(missingGroups, []);
  assert.equal(results.length, said.length);
  for (const [index, shown] of results.entries()) {
    const answer = said[index]!;
    assert.notEqual(shown.reason, 'pending', 'nothing pends for ever');
    if (answer === 'by-rules' || answer === 'no-answer') {
      assert.ok(shown.carried === true || shown.source === 'rules');
      assert.ok(shown.reason !== undefined, 'the reason is visible');
      if (shown.carried === true) assert.ok(shown.assessedAt! < frame.timestamp);
    } else assert.deepEqual([shown.riskLevel, shown.source, shown.carried], [answer, 'vlm', undefined]);
  }
  const alerts = world.alerts.of(frame);
  assert.deepEqual(alerts.at(-1), out.filter(isAlert).at(-1), 'the alerts end with the last that is one');
}

test('in any order, with repeats and crashes anywhere, each frame ends with every answer, numbered upwards', () => {
  fc.assert(
    fc.property(frames, fc.array(step, { maxLength: 60, size: 'max' }), (all, steps) => {
      const cast = all.map((said, index) => ({
        said,
        frame: detection(said.length, { timestamp: at(T0 + index * 700) }),
      }));
      const sent = cast.flatMap(({ said, frame }): Sent[] => [
        { detection: frame },
        ...said.flatMap((each, i) =>
          each === 'no-answer'
            ? []
            : {
                result:
                  each === 'by-rules'
                    ? result(frame, i + 1, 'none', { source: 'rules', reason: 'budget' })
                    : result(frame, i + 1, each),
              },
        ),
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
      for (const { said, frame } of cast) checkFrame(world, frame, said);
    }),
    { numRuns: 2_000 },
  );
});

const isOneOf = (levels: readonly string[], level: string | undefined): boolean =>
  levels.length === 0 ? level === undefined : level !== undefined && levels.includes(level);

test('an incident over these frames ends with one alert that tells its end and the newest answer about it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom<Said>('none', 'medium', 'high', 'no-answer'), { minLength: 2, maxLength: 5 }),
      fc.array(step, { maxLength: 60, size: 'max' }),
      (said, steps) => {
        const cast = said.map((_, index) =>
          detection(1, {
            frameNumber: index + 1,
            timestamp: at(T0 + index * 700),
            incidents: [incident({ state: index === said.length - 1 ? 'closed' : 'open', objects: [0] })],
          }),
        );
        const answers = cast.map((frame, index) => ({ frame, level: said[index]! }));
        const sent = answers.flatMap(({ frame, level }): Sent[] => [
          { detection: frame },
          { result: result(frame, 1, 'none') },
          ...(level === 'no-answer' || level === 'by-rules'
            ? []
            : [{ result: { ...result(frame, 2, level), groupId: 'i1', frameTimestamp: frame.timestamp } }]),
        ]);
        const world = new World(sent);
        let lateCrashes = 0;
        let crashes = 0;
        for (const { do: what, which } of steps) {
          if (what === 'crash-late') lateCrashes += 1;
          if (what === 'crash' || what === 'crash-late' || what === 'half-answer') crashes += 1;
          if (what === 'deliver') world.deliver(which);
          else if (what === 'send') world.send();
          else if (what === 'answer' || what === 'half-answer') world.answer(which, what === 'answer');
          else if (what === 'pass') world.pass(which);
          else world.crash(what === 'crash-late');
        }
        world.finish();
        const alerts = cast.flatMap((frame) => world.alerts.of(frame).at(-1) ?? []);
        assert.ok(alerts.length >= 1 && alerts.length <= 1 + lateCrashes, `${alerts.length} alerts`);
        for (const frame of cast) {
          const out = world.aggregates.of(frame);
          assert.deepEqual(
            out.map(({ revision }) => revision),
            out.map((_, index) => index),
          );
          assert.ok(out.at(-1)?.incidents[0]?.alertId !== undefined, 'every frame names the alert');
        }
        const levels = answers.flatMap(({ level }) => (level === 'no-answer' ? [] : [level]));
        // An answer about a frame that was not to be asked about is settled at once, and may be lost with a crash.
        const told = crashes === 0 ? levels.slice(-1) : levels;
        assert.ok(
          alerts.some(({ incidents: [last] }) => last?.state === 'closed' && isOneOf(told, last.verdict.modelLevel)),
          JSON.stringify(alerts.map(({ incidents: [last] }) => [last?.state, last?.verdict])),
        );
      },
    ),
    {
      numRuns: 500,
      // Both frames land late: the second is found with the first as its alert, after it was made the alert itself.
      examples: [
        [
          ['no-answer', 'none'],
          [
            { do: 'deliver', which: 0 },
            { do: 'send', which: 0 },
            { do: 'deliver', which: 2 },
            { do: 'deliver', which: 4 },
            { do: 'deliver', which: 3 },
            { do: 'send', which: 0 },
            { do: 'crash-late', which: 0 },
            { do: 'deliver', which: 2 },
          ],
        ],
      ],
    },
  );
});
