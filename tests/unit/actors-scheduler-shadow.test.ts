import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ShadowBudget } from '../../src/actors/scheduler/shadow-budget.ts';
import { KEY_POOL } from '../../src/actors/key-pool.ts';
import { wayOf } from '../../src/releases/way-of.ts';
import type { ReleasesInForce } from '../../src/releases/releases.types.ts';
import { HandReleases, runningRelease } from '../support/judging-releases.ts';
import { Random } from '../support/random.ts';
import { DOWN, GOOD, startedScheduler } from '../support/scheduler.ts';

const SHADOW = { mode: 'shadow' as const };
const NEXT = { model: 'next-model', prompts: { text: 'Mind the tram.' } };
/** Keys with room to spare. */
const RICH = [
  { qps_limit: 50, rpm_limit: 3_000 },
  { qps_limit: 50, rpm_limit: 3_000 },
];

/** A scheduler that knows what its keys allow and has saved up calls. */
async function rested(releases: ReleasesInForce, more: Parameters<typeof startedScheduler>[0] = {}) {
  const world = await startedScheduler({ keys: RICH, releases, ...more });
  await world.clock.advance(5_000);
  const isShadow = ({ request }: { request: { access: { model: string } } }): boolean =>
    request.access.model === 'next-model';
  const shadows = () => world.vlm.open.filter(isShadow);
  const presents = () => world.vlm.open.filter((open) => !isShadow(open));
  return { ...world, shadows, presents };
}

describe('a release in the shadow', () => {
  it('judges a question again only after its answer is stored and acked, and shows nothing of it', async (t) => {
    const world = await rested(new HandReleases(runningRelease(NEXT, SHADOW)), { byHand: true, cost: 0.5 });
    t.after(() => world.stop());
    const { clock, bus, outcomes, metrics, used, question, shadows, presents } = world;
    const one = question();
    bus.add(one);
    await clock.advance(100);
    assert.deepEqual([presents().length, shadows().length], [1, 0], 'not before the answer');
    bus.setDown(true);
    presents()[0]?.finish(GOOD);
    await clock.advance(3_000);
    assert.equal(shadows().length, 0, 'not while the answer is not stored');
    bus.setDown(false);
    for (let step = 0; step < 50 && shadows().length === 0; step++) await clock.advance(50);
    assert.deepEqual(bus.settlements(one), ['ack']);
    const [open] = shadows();
    assert.ok(open !== undefined && open.request.prompt.system.includes('Mind the tram.'));
    assert.equal(open.request.pictures.length, 1);
    await clock.advance(1_500);
    const good = GOOD.ok ? GOOD : assert.fail();
    open.finish({ ...good, answer: { ...good.answer, riskLevel: 'high' }, model: 'next-model-7' });
    await clock.advance(20);
    const [published] = bus.published;
    assert.equal(bus.published.length, 1);
    assert.equal(published?.body.results[0]?.riskLevel, 'low');
    assert.equal(published.body.results[0].release, undefined);
    const [pair] = outcomes;
    assert.ok(outcomes.length === 1 && pair?.type === 'pair');
    const { present, candidate } = pair;
    assert.deepEqual([present.level, present.model, present.cost], ['low', 'm', 0.5]);
    assert.deepEqual([candidate.level, candidate.model, candidate.cost], ['high', 'next-model-7', 0.5]);
    assert.ok(candidate.seconds !== null && candidate.seconds >= 1.5 && candidate.seconds <= 1.55);
    assert.notEqual(present.promptHash, candidate.promptHash);
    assert.deepEqual([pair.groupId, pair.at, pair.cropId], ['g1', one.timestamp, one.group.cropId]);
    assert.deepEqual(metrics.shadow, ['answered']);
    assert.deepEqual(metrics.llm, ['success'], 'not among the calls whose failures raise alarms');
    assert.deepEqual(
      used.map(({ cameraId, model }) => [cameraId, model]),
      [
        ['cam-1', 'qwen-vl-plus'],
        ['(shadow)', 'next-model'],
      ],
    );
  });

  it('takes the share of the groups that it is given, and no picture that was handed in', async (t) => {
    const release = runningRelease(NEXT, { ...SHADOW, percent: 50 });
    const world = await rested(new HandReleases(release));
    t.after(() => world.stop());
    const { clock, bus, outcomes, task, question } = world;
    bus.add(task({ cameraId: 'on-demand' }));
    const wanted: string[] = [];
    for (let index = 1; index <= 12; index++) {
      const one = question({ groupId: `g${index}` });
      if (wayOf(release, one.cameraId, one.group.groupId) === 'candidate') wanted.push(one.group.groupId);
      bus.add(one);
      await clock.advance(2_500);
    }
    assert.ok(wanted.length > 3 && wanted.length < 9);
    assert.deepEqual(
      outcomes.map((outcome) => (outcome.type === 'pair' ? outcome.groupId : '')).toSorted(),
      wanted.toSorted(),
    );
  });

  it('a stalled call of it changes neither time nor order of the present ones; at most two are made', async (t) => {
    const world = await rested(new HandReleases(runningRelease(NEXT, SHADOW)), { byHand: true });
    t.after(() => world.stop());
    const { clock, bus, question, shadows, presents } = world;
    for (let index = 0; index < 6; index++) {
      const one = question({ groupId: `g${index}` });
      bus.add(one);
      await clock.advance(20);
      const [open] = presents();
      assert.equal(open?.request.traceId, one.traceId, 'begun at once');
      open.finish(GOOD);
      await clock.advance(20);
      assert.deepEqual(bus.settlements(one), ['ack']);
      await clock.advance(1_500);
      assert.equal(shadows().length, Math.min(2, index + 1));
    }
  });

  it('asks nothing while questions wait for keys, and what waited too long is left out', async (t) => {
    const world = await rested(new HandReleases(runningRelease(NEXT, SHADOW)), {
      byHand: true,
      keys: [{ qps_limit: 50, rpm_limit: 3_000, max_in_flight: 3 }],
    });
    t.after(() => world.stop());
    const { clock, bus, metrics, question, shadows, presents } = world;
    bus.add(question());
    await clock.advance(20);
    const [first] = presents();
    bus.add(...Array.from({ length: 5 }, (_, index) => question({ groupId: `more-${index}` })));
    await clock.advance(20);
    assert.equal(presents().length, 3);
    first?.finish(GOOD);
    await clock.advance(500);
    assert.equal(shadows().length, 0);
    assert.equal(presents().length, 3, 'the freed call went to a question');
    await clock.advance(15_000);
    assert.deepEqual([shadows().length, metrics.shadow], [0, ['busy']]);
  });

  it('never takes the last call that a second allows', async (t) => {
    const world = await rested(new HandReleases(runningRelease(NEXT, SHADOW)), {
      keys: [{ qps_limit: 1, rpm_limit: 600 }],
    });
    t.after(() => world.stop());
    const { clock, bus, metrics, question } = world;
    bus.add(question());
    await clock.advance(14_000);
    assert.deepEqual(metrics.shadow, ['busy']);
  });

  it('keeps to its budget, which all schedulers share', async (t) => {
    const budget = { callsPerMinute: 4, picturesPerMinute: 0 };
    const world = await rested(new HandReleases(runningRelease(NEXT, { ...SHADOW, budget })), { schedulers: 2 });
    t.after(() => world.stop());
    const { clock, bus, metrics, outcomes, question } = world;
    for (let index = 0; index < 20; index++) {
      bus.add(question({ groupId: `g${index}` }));
      await clock.advance(2_500);
    }
    assert.ok(outcomes.length >= 2 && outcomes.length <= 4, `${outcomes.length}`);
    assert.equal(metrics.shadow.filter((outcome) => outcome === 'answered').length, outcomes.length);
    assert.equal(metrics.shadow.filter((outcome) => outcome === 'no-budget').length, 20 - outcomes.length);
  });

  it('neither rests a key nor opens a circuit by its failures, and asks no more for a minute at a limit', async (t) => {
    const world = await rested(new HandReleases(runningRelease(NEXT, SHADOW)), { byHand: true });
    t.after(() => world.stop());
    const { clock, bus, metrics, outcomes, system, question, shadows, presents } = world;
    const judged = async (groupId: string): Promise<void> => {
      bus.add(question({ groupId }));
      await clock.advance(20);
      presents()[0]?.finish(GOOD);
      await clock.advance(1_500);
    };
    for (let index = 0; index < 8; index++) {
      await judged(`g${index}`);
      shadows()[0]?.finish(DOWN);
      await clock.advance(20);
    }
    const { available_keys, circuits } = await system.ref(KEY_POOL).ask({ type: 'stats' }, { timeoutMs: 1_000 });
    assert.equal(available_keys, 2);
    assert.ok(circuits.every(({ state, failures }) => state === 'closed' && failures === 0));
    assert.deepEqual(
      metrics.shadow,
      Array.from({ length: 8 }, () => 'failed'),
    );
    const failures = outcomes.map((outcome) => outcome.type === 'pair' && outcome.candidate.failure);
    assert.deepEqual(
      failures,
      Array.from({ length: 8 }, () => 'provider-error'),
    );
    await judged('limited');
    shadows()[0]?.finish({
      ok: false,
      failure: { kind: 'rate-limited', retryAfterMs: 100, message: 'too many' },
      promptTokens: 0,
      completionTokens: 0,
    });
    await clock.advance(5_000);
    await judged('next');
    assert.equal(shadows().length, 0);
  });

  it('ends with its release: what waits is dropped, what was asked is told', async (t) => {
    const releases = new HandReleases(runningRelease(NEXT, SHADOW));
    const world = await rested(releases, { byHand: true });
    t.after(() => world.stop());
    const { clock, bus, outcomes, question, shadows, presents } = world;
    bus.add(question(), question({ groupId: 'g2' }), question({ groupId: 'g3' }));
    await clock.advance(20);
    for (const open of presents()) open.finish(GOOD);
    await clock.advance(1_500);
    assert.equal(shadows().length, 2);
    releases.set(null);
    for (const open of shadows()) open.finish(GOOD);
    await clock.advance(3_000);
    assert.deepEqual([shadows().length, outcomes.length], [0, 2]);
  });

  it('leaves the present calls as they would be without it, while the keys have room', async () => {
    const played = async (seed: number, releases: HandReleases) => {
      const world = await startedScheduler({ keys: [{ qps_limit: 20, rpm_limit: 600 }], releases });
      const { clock, bus, vlm, metrics, question } = world;
      const random = new Random(seed);
      const begun: string[] = [];
      const from = clock.now();
      const names = new Map<string, string>();
      const call = vlm.call.bind(vlm);
      vlm.call = (request) => {
        if (request.access.model !== 'next-model')
          begun.push(`${clock.now() - from} ${names.get(request.traceId) ?? ''}`);
        return call(request);
      };
      vlm.tookMs = 300;
      for (let index = 0; index < 60; index++) {
        const one = question({ groupId: `g${random.below(9)}`, prior: random.below(100) / 100 });
        names.set(one.traceId, `q${index}`);
        bus.add(one);
        await clock.advance(10 * random.below(100));
      }
      await world.stop();
      return { begun, shadow: metrics.shadow };
    };
    for (const seed of [1, 2, 3, 4]) {
      const without = await played(seed, new HandReleases());
      const budget = { callsPerMinute: 30, picturesPerMinute: 0 };
      const shadowed = await played(seed, new HandReleases(runningRelease(NEXT, { ...SHADOW, budget })));
      assert.ok(without.begun.length > 30);
      assert.ok(shadowed.shadow.includes('answered'), `seed ${seed}: nothing was shadowed`);
      assert.deepEqual(shadowed.begun, without.begun, `seed ${seed}`);
    }
  });
});

describe('the budget of a shadow', () => {
  it('holds in every minute, and for less than a call a minute too', () => {
    for (const perMinute of [0, 0.5, 1, 2.5, 60]) {
      const budget = new ShadowBudget();
      const taken: number[] = [];
      for (let now = 1_000_000; now < 1_000_000 + 600_000; now += 250) {
        if (!budget.affords(perMinute, now)) continue;
        budget.take(now);
        taken.push(now);
      }
      for (const at of taken)
        assert.ok(taken.filter((other) => other >= at && other < at + 60_000).length <= Math.max(1, perMinute));
      assert.equal(taken.length, { 0: 0, 0.5: 5, 1: 10, 2.5: 20, 60: 600 }[perMinute]);
    }
  });
});
