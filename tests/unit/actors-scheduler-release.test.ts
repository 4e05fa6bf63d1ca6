import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { KEY_POOL } from '../../src/actors/key-pool.ts';
import type { VlmReply } from '../../src/llm/client.ts';
import { wayOf } from '../../src/releases/way-of.ts';
import { answered, assess, failed, refused } from '../support/assess-world.ts';
import { JudgingWays } from '../../src/actors/scheduler/judging-ways.ts';
import { HandReleases, runningRelease } from '../support/judging-releases.ts';
import { GOOD, startedScheduler } from '../support/scheduler.ts';

const AWAY: VlmReply = {
  ok: false,
  failure: { kind: 'misconfigured', status: 404, message: 'no such model' },
  promptTokens: 0,
  completionTokens: 0,
};

describe('a release with a share of the groups', () => {
  it('has its model and its texts judge its groups, always the same ones, and marks both ways', async (t) => {
    const release = runningRelease({ model: 'next-model', prompts: { text: 'Mind the tram.' } }, { percent: 50 });
    const world = await startedScheduler({ releases: new HandReleases(release), cost: 0.25 });
    t.after(() => world.stop());
    const { clock, bus, vlm, outcomes, used, question } = world;
    await clock.advance(20);
    const ways = new Set<string>();
    for (let round = 0; round < 3; round++) {
      const all = Array.from({ length: 8 }, (_, index) => question({ groupId: `g${index + 1}` }));
      bus.add(...all);
      await clock.advance(100);
      for (const { request } of vlm.open) {
        const task = all.find((one) => one.traceId === request.traceId) ?? assert.fail('an unknown call');
        const way = wayOf(release, task.cameraId, task.group.groupId);
        assert.equal(request.access.model, way === 'candidate' ? 'next-model' : 'qwen-vl-plus', task.group.groupId);
        assert.equal(request.prompt.system.includes('Mind the tram.'), way === 'candidate');
      }
      await clock.advance(1_900);
      for (const task of all) {
        const way = wayOf(release, task.cameraId, task.group.groupId);
        ways.add(way);
        assert.deepEqual(bus.result(task)?.results[0]?.release, { releaseId: 'next', way });
      }
    }
    assert.deepEqual([...ways].toSorted(), ['candidate', 'present']);
    const answers = outcomes.flatMap((outcome) => (outcome.type === 'answer' ? [outcome] : []));
    assert.equal(answers.length, 24, 'one for each question');
    const [one] = answers;
    assert.deepEqual(one?.judgement, {
      level: 'low',
      seconds: 1,
      cost: 0.25,
      model: 'm',
      promptHash: one?.judgement.promptHash,
    });
    const hashes = (way: string) =>
      new Set(answers.filter((each) => each.way === way).map((each) => each.judgement.promptHash));
    assert.equal(hashes('present').size, 1);
    assert.equal(hashes('candidate').size, 1);
    assert.notDeepEqual(hashes('present'), hashes('candidate'));
    assert.deepEqual([...new Set(used.map(({ model }) => model))].toSorted(), ['next-model', 'qwen-vl-plus']);
  });

  it('has no part in pictures that were handed in, nor when it changes nothing of the judgement', async (t) => {
    const releases = new HandReleases(runningRelease({ model: 'next-model' }));
    const world = await startedScheduler({ releases });
    t.after(() => world.stop());
    const { clock, bus, vlm, outcomes, task, question } = world;
    await clock.advance(20);
    const picture = task({ cameraId: 'on-demand' });
    bus.add(picture);
    await clock.advance(1_100);
    releases.set(runningRelease({ detector: 'yolox_s' }));
    const one = question();
    bus.add(one);
    await clock.advance(1_100);
    assert.equal(vlm.calls, 2);
    assert.equal(bus.result(picture)?.results[0]?.release, undefined);
    assert.equal(bus.result(one)?.results[0]?.release, undefined);
    assert.deepEqual(outcomes, []);
  });

  it('judges nothing more once it is rolled back, also where a question waits for its key', async (t) => {
    const releases = new HandReleases(runningRelease({ model: 'next-model', keys: ['k2'] }));
    const world = await startedScheduler({
      byHand: true,
      releases,
      keys: [
        { qps_limit: 100, rpm_limit: 1_000 },
        { qps_limit: 100, rpm_limit: 1_000, max_in_flight: 1 },
      ],
    });
    t.after(() => world.stop());
    const { clock, bus, vlm, outcomes, question } = world;
    await clock.advance(20);
    const begun = question();
    const waiting = question({ groupId: 'g2' });
    bus.add(begun, waiting);
    await clock.advance(100);
    assert.deepEqual(
      vlm.open.map(({ request: { access } }) => [access.keyName, access.model]),
      [['k2', 'next-model']],
      'the other question waits for the only key of the release',
    );
    releases.set(null);
    await clock.advance(10);
    assert.deepEqual(
      vlm.open.map(({ request: { access } }) => access.model),
      ['next-model', 'qwen-vl-plus'],
      'asked the present way at once',
    );
    while (vlm.open[0] !== undefined) vlm.open[0].finish(GOOD);
    await clock.advance(20);
    assert.deepEqual(bus.result(begun)?.results[0]?.release, { releaseId: 'next', way: 'candidate' });
    assert.equal(bus.result(waiting)?.results[0]?.release, undefined);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.type),
      ['answer'],
    );
  });

  it('once promoted, is the way of every question and picture, with the operator’s other texts', async (t) => {
    const releases = new HandReleases(null, {
      model: 'promoted',
      prompts: { kinds: { 'dense-traffic': 'Rush hour.' } },
    });
    const world = await startedScheduler({ releases });
    t.after(() => world.stop());
    const { clock, bus, vlm, task, question } = world;
    await clock.advance(20);
    const dense = { ...question(), prior: { value: 0.5, reasons: ['dense-traffic' as const] } };
    bus.add(dense, task({ cameraId: 'on-demand' }));
    await clock.advance(100);
    assert.deepEqual(
      vlm.open.map(({ request }) => request.access.model),
      ['promoted', 'promoted'],
    );
    assert.ok(vlm.open.some(({ request }) => request.prompt.system.includes('Rush hour.')));
    await clock.advance(1_000);
    assert.equal(bus.result(dense)?.results[0]?.release, undefined, 'no release has a share any more');
  });

  it('does not make the keys look slow by a slow model that is tried out', async (t) => {
    const release = runningRelease({ model: 'next-model' }, { percent: 50 });
    const world = await startedScheduler({ releases: new HandReleases(release), byHand: true });
    t.after(() => world.stop());
    const { clock, bus, vlm, question, stats } = world;
    await clock.advance(20);
    bus.add(...Array.from({ length: 8 }, (_, index) => question({ groupId: `g${index + 1}` })));
    await clock.advance(300);
    const own = vlm.open.filter(({ request }) => request.access.model !== 'next-model');
    assert.ok(own.length > 0 && own.length < 8);
    for (const open of own) open.finish(GOOD);
    await clock.advance(1_500);
    while (vlm.open[0] !== undefined) vlm.open[0].finish(GOOD);
    await clock.advance(20);
    const { calls, assessed } = await stats();
    assert.equal(assessed, 8);
    assert.ok(calls.answer_ms !== null && calls.answer_ms <= 310, `${calls.answer_ms}`);
  });

  it('does no harm to the keys when its model does not exist', async (t) => {
    const releases = new HandReleases(runningRelease({ model: 'mistyped' }));
    const world = await startedScheduler({ releases, keys: [{ qps_limit: 100 }, { qps_limit: 100 }] });
    t.after(() => world.stop());
    const { clock, bus, vlm, system, outcomes, question } = world;
    await clock.advance(20);
    vlm.answer = AWAY;
    vlm.tookMs = 50;
    for (let index = 0; index < 12; index++) {
      bus.add(question({ groupId: `g${index}` }));
      await clock.advance(200);
    }
    const { available_keys, circuits } = await system.ref(KEY_POOL).ask({ type: 'stats' }, { timeoutMs: 1_000 });
    assert.equal(available_keys, 2);
    assert.ok(circuits.every(({ state }) => state === 'closed'));
    assert.equal(outcomes.length, 12);
    for (const outcome of outcomes)
      assert.ok(
        outcome.type === 'answer' && outcome.judgement.failure === 'rejected' && outcome.judgement.level === 'unknown',
      );
    releases.set(null);
    vlm.answer = GOOD;
    const one = question({ groupId: 'after' });
    bus.add(one);
    await clock.advance(200);
    assert.equal(bus.result(one)?.source, 'vlm');
  });
});

describe('one assessment while a release runs', () => {
  const inForce = new HandReleases(runningRelease({ keys: ['gone'] }));
  const ways = new JudgingWays(inForce);

  it('fails, marked and told, when the keys of the release are gone', async () => {
    const judged: unknown[] = [];
    const { result } = await assess({
      leases: [refused('tried-all')],
      leaseLimits: () => ({ askBy: Infinity, exclude: [] }),
      way: (task) => ways.of(task),
      onJudged: ({ way, failure }) => judged.push([way.mark?.way, failure]),
    });
    assert.deepEqual(judged, [['candidate', 'no-lease']]);
    assert.deepEqual(
      { degraded: result?.degraded, code: result?.degradedReason?.code, release: result?.results[0]?.release },
      { degraded: true, code: 'no-lease', release: { releaseId: 'next', way: 'candidate' } },
    );
  });

  it('is not counted for a release when no call could be spared', async () => {
    const judged: unknown[] = [];
    const { result } = await assess({
      leaseLimits: () => ({ askBy: 0, exclude: [] }),
      way: (task) => ways.of(task),
      onJudged: (one) => judged.push(one),
    });
    assert.deepEqual(judged, []);
    assert.equal(result?.results[0]?.reason, 'budget');
    assert.equal(result?.results[0]?.release, undefined);
  });

  it('leases only the keys of its way, for the model of its way', async () => {
    const named = new JudgingWays(new HandReleases(runningRelease({ keys: ['k2'], model: 'next-model' })));
    const { seen } = await assess({
      replies: [failed({ kind: 'network', message: 'x' }), answered()],
      way: (task) => named.of(task),
    });
    assert.deepEqual(
      seen.leases.map(({ only, model }) => [only, model]),
      [
        [['k2'], 'next-model'],
        [['k2'], 'next-model'],
      ],
    );
  });
});
