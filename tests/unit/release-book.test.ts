import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Release } from '../../src/messages/release.ts';
import { changesOver } from '../../src/releases/in-force.ts';
import { MOST_RELEASES, ReleaseBook, type RunningSlot } from '../../src/releases/release-book.ts';
import { chosenCameras, wayOf, wayOfCamera } from '../../src/releases/way-of.ts';
import { memoryRecords, memoryReleases } from '../support/memory-releases.ts';
import { orderOf } from '../support/releases.ts';

const BY = { by: 'root', at: Date.parse('2026-11-28T05:00:00Z') };
const later = (ms: number) => ({ ...BY, at: BY.at + ms });

describe('the book of releases', () => {
  it('starts one at a time, promotes it, and takes a promoted one back', async () => {
    const book = memoryReleases();
    const told: (string | null)[] = [];
    book.onChange(({ running }) => told.push(running?.releaseId ?? null));
    await book.start(orderOf('one'), [], BY);
    assert.equal(book.now.running?.releaseId, 'one');
    await assert.rejects(book.start(orderOf('two'), [], BY), { refusal: 'running', releaseId: 'one' });
    await assert.rejects(book.start(orderOf('one'), [], BY), { refusal: 'exists' });
    await assert.rejects(book.remove('one'), { refusal: 'in-use' });
    await book.promote('one', later(1));
    assert.deepEqual(book.now, { present: { model: 'model-of-one' }, running: null });
    const again = await book.promote('one', later(2));
    assert.equal(again.before, again.after, 'a second promotion changes nothing');
    await assert.rejects(book.patch('one', { percent: 50 }, [], BY), { refusal: 'ended' });

    await book.start(orderOf('two', { changes: { prompts: { text: 'Look closely.' } } }), [], later(3));
    await book.promote('two', later(4));
    assert.deepEqual(book.now.present, { model: 'model-of-one', prompts: { text: 'Look closely.' } });
    await book.rollBack('one', 'too dear', later(5));
    assert.deepEqual(book.now.present, { prompts: { text: 'Look closely.' } }, 'the later one stays');
    assert.equal(book.get('one')?.reason, 'too dear');
    await assert.rejects(book.promote('one', later(6)), { refusal: 'ended' });
    await book.remove('one');
    await assert.rejects(book.remove('one'), { refusal: 'unknown' });
    assert.deepEqual(told, ['one', null, 'two', null, null]);
  });

  it('lets one of two nodes start a release at the same moment', async () => {
    const [records, slots] = [memoryRecords<Release>(), memoryRecords<RunningSlot>()];
    const nodes = [new ReleaseBook(records, slots), new ReleaseBook(records, slots)];
    const started = await Promise.allSettled(nodes.map((node, index) => node.start(orderOf(`of-${index}`), [], BY)));
    assert.deepEqual(started.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
    assert.equal(records.entries.size, 1);
    assert.equal(nodes[0]!.now.running?.releaseId, nodes[1]!.now.running?.releaseId);
  });

  it('frees the place of a node that died before it wrote its release', async () => {
    const [records, slots] = [memoryRecords<Release>(), memoryRecords<RunningSlot>()];
    slots.entries.set('running', { releaseId: 'never', at: BY.at });
    const book = new ReleaseBook(records, slots);
    await assert.rejects(book.start(orderOf('next'), [], later(1_000)), { refusal: 'running' });
    await book.start(orderOf('next'), [], later(11_000));
    assert.equal(book.now.running?.releaseId, 'next');
  });

  it('lets the next one start at once after a removal', async () => {
    const book = memoryReleases();
    await book.start(orderOf('one'), [], BY);
    await book.rollBack('one', 'test', BY);
    await book.remove('one');
    await book.start(orderOf('two'), [], BY);
    assert.equal(book.now.running?.releaseId, 'two');
  });

  it('leaves a release that was promoted meanwhile to the person who promoted it', async () => {
    const book = memoryReleases();
    await book.start(orderOf('one'), [], BY);
    await book.promote('one', later(1));
    const { before, after } = await book.rollBackRunning('one', 'limit: …', later(2));
    assert.equal(before, after);
    assert.equal(book.get('one')?.state, 'promoted');
  });

  it('keeps fifty: the oldest that was rolled back goes first, a promoted one never', async () => {
    const book = memoryReleases();
    await book.start(orderOf('promoted'), [], BY);
    await book.promote('promoted', BY);
    for (let index = 0; index < MOST_RELEASES; index += 1) {
      await book.start(orderOf(`r-${index}`), [], later(index * 2 + 1));
      await book.rollBack(`r-${index}`, 'test', later(index * 2 + 2));
    }
    assert.equal(book.list().length, MOST_RELEASES);
    assert.equal(book.get('r-0'), null);
    assert.equal(book.get('r-1')?.state, 'rolled-back');
    assert.equal(book.get('promoted')?.state, 'promoted');
  });

  it('reads the same releases after a restart', async () => {
    const [records, slots] = [memoryRecords<Release>(), memoryRecords<RunningSlot>()];
    const before = new ReleaseBook(records, slots);
    await before.start(orderOf('one'), [], BY);
    await before.promote('one', later(1));
    await before.start(orderOf('two', { by: 'camera' }), ['a', 'b', 'c'], later(2));
    const after = new ReleaseBook(records, slots);
    assert.deepEqual(after.now, before.now);
    assert.deepEqual(after.list(), before.list());
  });

  it('puts texts and thresholds of one kind over those of that kind only', () => {
    assert.deepEqual(
      changesOver(
        {
          model: 'a',
          keys: ['k'],
          prompts: { text: 't', kinds: { collision: 'x' } },
          thresholds: { queue: { minVehicles: 3, minSeconds: 9 } },
        },
        {
          model: 'b',
          prompts: { kinds: { queue: 'y' } },
          thresholds: { queue: { minSeconds: 5 }, speeding: { minSeconds: 1 } },
        },
      ),
      {
        model: 'b',
        prompts: { text: 't', kinds: { collision: 'x', queue: 'y' } },
        thresholds: { queue: { minVehicles: 3, minSeconds: 5 }, speeding: { minSeconds: 1 } },
      },
    );
  });
});

describe('the share of a release', () => {
  const release = (by: 'group' | 'camera', percent: number, cameraIds: readonly string[] = []) => ({
    releaseId: 'r',
    by,
    percent,
    cameras: by === 'camera' ? chosenCameras('r', percent, cameraIds) : { in: [], out: [] },
  });
  const groupsOf = (cameras: number) =>
    Array.from({ length: 2_000 }, (_, index) => [`cam-${index % cameras}`, `g${Math.floor(index / cameras)}`] as const);

  for (const percent of [10, 50, 100])
    it(`is within 2 points of ${percent} % over 2,000 groups, by group and by camera`, () => {
      const groups = groupsOf(100);
      const ids = groups.map(([cameraId]) => cameraId);
      for (const one of [release('group', percent), release('camera', percent, ids)]) {
        const taken = groups.filter(([cameraId, groupId]) => wayOf(one, cameraId, groupId) === 'candidate').length;
        assert.ok(Math.abs((taken / groups.length) * 100 - percent) <= 2, `${one.by}: ${taken} of 2000`);
      }
    });

  it('only grows, and a group keeps its way', () => {
    const groups = groupsOf(37);
    const ids = groups.map(([cameraId]) => cameraId);
    for (const by of ['group', 'camera'] as const) {
      let before = new Set<string>();
      for (const percent of [0, 3, 10, 25, 50, 90, 100]) {
        const one = release(by, percent, ids);
        const taken = new Set(groups.filter((each) => wayOf(one, ...each) === 'candidate').map(String));
        assert.ok(
          [...before].every((each) => taken.has(each)),
          `${by} at ${percent} %`,
        );
        before = taken;
      }
      assert.equal(before.size, groups.length);
    }
  });

  it('counts cameras that come later by their hash, and lasts for those that were known', () => {
    const one = release('camera', 50, ['a', 'b', 'c', 'd']);
    assert.equal(['a', 'b', 'c', 'd'].filter((id) => wayOfCamera(one, id) === 'candidate').length, 2);
    const late = Array.from({ length: 1_000 }, (_, index) => `late-${index}`);
    const taken = late.filter((id) => wayOfCamera(one, id) === 'candidate').length;
    assert.ok(taken > 400 && taken < 600, String(taken));
  });
});
