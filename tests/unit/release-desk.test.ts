import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { ReleaseDesk, releaseNotices } from '../../src/app/release-desk.ts';
import { ReleasePictures } from '../../src/app/release-pictures.ts';
import { outcomeId, OutcomeSender } from '../../src/infra/outcome-sender.ts';
import type { AuditEntry } from '../../src/messages/audit.ts';
import { type Release, ReleaseLimits, type ReleaseOutcome } from '../../src/messages/release.ts';
import { subjects } from '../../src/messages/subjects.ts';
import { setImmediate } from 'node:timers/promises';
import { ManualClock } from '../../src/runtime/testing/manual-clock.ts';
import { FakeStreams } from '../support/fake-streams.ts';
import { memoryLog } from '../support/log.ts';
import { memoryReleases } from '../support/memory-releases.ts';
import { until } from '../support/until.ts';
import { answerOf, judgementOf, orderOf, pairOf } from '../support/releases.ts';

const START = Date.parse('2026-11-28T05:00:00Z');

function desks(t: TestContext, count: number) {
  const clock = new ManualClock(START);
  const streams = new FakeStreams(clock);
  const book = memoryReleases();
  const audited: AuditEntry[] = [];
  const open = () => {
    const audit = { record: (entry: AuditEntry) => void audited.push(entry) };
    const desk = new ReleaseDesk({ bus: streams, book, audit, clock, log: memoryLog() });
    t.after(() => desk.close());
    return desk;
  };
  let ids = 0;
  const tell = (outcome: ReleaseOutcome, id = `${(ids += 1)}`): void =>
    void streams.publish(subjects.releaseOutcome(outcome.releaseId), outcome, id);
  const opened = Array.from({ length: count }, open);
  return { clock, book, audited, open, tell, opened };
}
const by = (clock: ManualClock) => ({ by: 'root', at: clock.now() });
const DETECTOR = { changes: { detector: 'yolox-nano' }, by: 'camera' } as const;
const failureOf = ({ releaseId, createdAt }: Release, nodeId: string): ReleaseOutcome => ({
  type: 'detector-failed',
  releaseId,
  createdAt,
  at: createdAt,
  nodeId,
  detector: 'yolox-nano',
  message: 'damaged',
});
const judgements = (desk: ReleaseDesk | undefined, id = 'one') => desk?.figures(id).candidate.judgements;

describe('the desk of releases', () => {
  it('counts each outcome once on every node, and all again after a restart', async (t) => {
    const { clock, book, open, tell, opened } = desks(t, 2);
    await book.start(orderOf('one'), [], by(clock));
    const outcome = answerOf('one', 'candidate', judgementOf('low'));
    tell(outcome);
    tell(outcome);
    tell(answerOf('one', 'candidate', judgementOf('low')));
    await setImmediate();
    assert.deepEqual(
      [...opened, open()].map((desk) => judgements(desk)),
      [2, 2, 2],
    );
  });

  it('rolls a release back once when its limit breaks, and says so', async (t) => {
    const { clock, book, audited, tell } = desks(t, 2);
    const limits = ReleaseLimits.parse({ minAnswers: 10, unknownShare: 0.3 });
    await book.start(orderOf('one', { limits }), [], by(clock));
    for (let index = 0; index < 30; index += 1)
      tell(answerOf('one', 'candidate', judgementOf(index % 2 === 0 ? 'unknown' : 'low')));
    await setImmediate();
    const release = book.get('one')!;
    assert.deepEqual([release.state, release.changedBy], ['rolled-back', 'system']);
    assert.match(release.reason ?? '', /^limit: unknownShare 0\.5 > 0\.3 over 10 judgements$/u);
    assert.deepEqual(
      audited.map(({ who, via, action, target }) => [who, via, action, target]),
      [['system', 'system', 'release.rollback', 'one']],
    );
    assert.deepEqual(releaseNotices(book.list(), clock.now()), [
      `the release one was rolled back by itself: ${release.reason}`,
    ]);
    assert.deepEqual(releaseNotices(book.list(), clock.now() + 25 * 3_600_000), []);
  });

  it('rolls a release back once when a node cannot load its detector, and says so', async (t) => {
    const { clock, book, audited, tell } = desks(t, 2);
    await book.start(orderOf('one', DETECTOR), ['north'], by(clock));
    for (const nodeId of ['node-a', 'node-b']) tell(failureOf(book.get('one')!, nodeId));
    await setImmediate();
    const { state, changedBy, reason } = book.get('one')!;
    assert.deepEqual(
      [state, changedBy, reason],
      ['rolled-back', 'system', 'detector: yolox-nano fails at node node-a: damaged'],
    );
    assert.deepEqual(
      audited.map(({ action, target, after }) => [action, target, after]),
      [['release.rollback', 'one', { state: 'rolled-back', reason }]],
    );
    assert.deepEqual(releaseNotices(book.list(), clock.now()), [
      `the release one was rolled back by itself: ${reason}`,
    ]);
  });

  it('rolls a release back for its own detector only, also when the failure is known before the release', async (t) => {
    const { clock, book, tell } = desks(t, 1);
    await book.start(orderOf('one', DETECTOR), ['north'], by(clock));
    const first = book.get('one')!;
    await book.rollBack('one', 'test', by(clock));
    await book.remove('one');
    const again = clock.now() + 1_000;
    tell(failureOf({ ...first, createdAt: new Date(again).toISOString() }, 'node-a'));
    tell(failureOf(first, 'node-b'));
    await clock.advance(500);
    await book.start(orderOf('two', DETECTOR), ['north'], by(clock));
    await setImmediate();
    assert.equal(book.now.running?.releaseId, 'two');
    await book.promote('two', by(clock));
    await clock.advance(500);
    await book.start(orderOf('one', DETECTOR), ['north'], by(clock));
    await setImmediate();
    assert.match(book.get('one')?.reason ?? '', /node-a/u);
    tell(failureOf(book.get('two')!, 'node-a'));
    await setImmediate();
    assert.equal(book.get('two')?.state, 'promoted', 'a person took it');
  });

  it('tries the way back again while NATS is away', async (t) => {
    const { clock, book, tell } = desks(t, 1);
    await book.start(orderOf('one', DETECTOR), ['north'], by(clock));
    const rollBack = t.mock.method(book, 'rollBackRunning', () => Promise.reject(new Error('NATS is away')));
    tell(failureOf(book.get('one')!, 'node-a'));
    await setImmediate();
    await clock.advance(12_000);
    assert.equal(rollBack.mock.callCount(), 3);
    assert.equal(book.get('one')?.state, 'running');
    rollBack.mock.restore();
    await clock.advance(5_000);
    await setImmediate();
    assert.equal(book.get('one')?.state, 'rolled-back');
  });

  it('leaves out the outcomes of an earlier release of the same id', async (t) => {
    const { clock, book, tell, opened, open } = desks(t, 1);
    await book.start(orderOf('one'), [], by(clock));
    tell(answerOf('one', 'candidate', judgementOf('low')));
    await book.rollBack('one', 'test', by(clock));
    await book.remove('one');
    await clock.advance(120_000);
    await book.start(orderOf('one'), [], by(clock));
    assert.deepEqual([judgements(opened[0]), judgements(open())], [0, 0]);
    tell(answerOf('one', 'candidate', judgementOf('low')));
    await setImmediate();
    assert.deepEqual([judgements(opened[0]), judgements(open())], [1, 1]);
  });
});

const FRAME = '31a21da4-536b-4b5e-88cc-cfb75567940a';
const [SAME, DIFFERS, GONE] = [`${FRAME}.g1`, `${FRAME}.g2`, `${FRAME}.g3`] as const;

describe('pictures of differences', () => {
  it('are kept for alerts that only one way raised, small and once', async (t) => {
    const streams = new FakeStreams(new ManualClock(START));
    const kept = new Map<string, Uint8Array>();
    const pictures = new ReleasePictures({
      bus: streams,
      images: { get: async (id) => (id === GONE ? null : Buffer.from(id)) },
      kept: { has: async (id) => kept.has(id), put: async (id, jpeg) => void kept.set(id, jpeg) },
      encoder: { shrink: async (jpeg) => Buffer.concat([Buffer.from('small '), jpeg]) },
      log: memoryLog(),
    });
    t.after(() => pictures.close());
    const tell = (cropId: string, level: 'low' | 'high'): void => {
      const pair = { ...pairOf('one', judgementOf('low'), judgementOf(level)), cropId };
      streams.publish(subjects.releaseOutcome('one'), pair, pair.requestId);
    };
    await setImmediate();
    tell(SAME, 'low');
    tell(DIFFERS, 'high');
    tell(DIFFERS, 'high');
    tell(GONE, 'high');
    await until('the pictures', () => pictures.counts.missing === 1);
    assert.deepEqual(
      [...kept].map(([id, jpeg]) => [id, String(jpeg)]),
      [[DIFFERS, `small ${DIFFERS}`]],
    );
    assert.deepEqual(pictures.counts, { kept: 1, missing: 1, failed: 0, dropped: 0 });
  });
});

describe('outcomes on their way to the stream', () => {
  it('have an id that a second telling shares', () => {
    const answer = answerOf('one', 'candidate', judgementOf('low'));
    assert.equal(outcomeId(answer), outcomeId({ ...answer, judgement: judgementOf('high') }));
    assert.notEqual(outcomeId(answer), outcomeId({ ...answer, way: 'present' }));
    assert.notEqual(outcomeId(answer), outcomeId({ ...answer, groupId: 'another' }));
  });

  it('wait while NATS is down up to a bound, and are counted where they are lost', async () => {
    const clock = new ManualClock(START);
    const lost = new Map<string, number>();
    const sender = new OutcomeSender({
      bus: { publish: () => Promise.reject(new Error('down')) },
      clock,
      log: memoryLog(),
      metrics: {
        inc: (name, count, ...[labels]) =>
          void lost.set(`${name} ${Object.values(labels ?? {}).join()}`, (lost.get(name) ?? 0) + count),
      },
    });
    for (let index = 0; index < 2_003; index += 1) sender.tell(answerOf('one', 'candidate', judgementOf('low')));
    assert.equal(sender.waiting, 2_000);
    assert.deepEqual([...lost.keys()], ['release_outcomes_dropped_total full']);
    await setImmediate();
    await sender.stop();
    assert.equal(lost.get('release_outcomes_dropped_total stopped'), 2_000);
  });
});
