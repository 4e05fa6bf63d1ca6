import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AssessedGroups, type GroupAnswer } from '../../src/tasks/assessed-groups.ts';

const NOW = 1_700_000_000_000;
const iso = (ms: number): string => new Date(NOW + ms).toISOString();
const answer = (groupId: string, atMs: number, over: Partial<GroupAnswer> = {}): GroupAnswer => ({
  cameraId: 'cam-1',
  requestId: '01900000-0000-7000-8000-000000000000',
  groupId,
  frameTimestamp: iso(atMs),
  prior: 0.3,
  source: 'vlm',
  results: [{ riskLevel: 'low' }],
  ...over,
});

describe("the memory of the model's answers", () => {
  it('has the answer about the newest frame of each group of each camera', () => {
    const groups = new AssessedGroups(60_000);
    groups.note(answer('g1', -2_000, { results: [{ riskLevel: 'high' }] }), NOW);
    groups.note(answer('g1', -4_000), NOW);
    groups.note(answer('g1', -1_000, { cameraId: 'cam-2' }), NOW);
    assert.deepEqual(groups.of('cam-1', 'g1', NOW), { at: iso(-2_000), level: 'high', prior: 0.3 });
    assert.deepEqual(groups.of('cam-2', 'g1', NOW), { at: iso(-1_000), level: 'low', prior: 0.3 });
    assert.equal(groups.of('cam-1', 'g2', NOW), null);
  });

  it('takes no answer of rules, no failure, none without a group or a time, none of a wrong clock', () => {
    const groups = new AssessedGroups(60_000);
    groups.note(answer('g1', 0, { source: 'rules' }), NOW);
    groups.note(answer('g1', 0, { error: { code: 'timeout', message: '' } }), NOW);
    groups.note({ ...answer('g1', 0), groupId: undefined }, NOW);
    groups.note({ ...answer('g1', 0), frameTimestamp: undefined }, NOW);
    groups.note(answer('g1', 3_600_000), NOW);
    groups.note(answer('g1', -60_000), NOW);
    assert.equal(groups.size, 0);
  });

  it('forgets each answer after its life, which may change', () => {
    const groups = new AssessedGroups(60_000);
    groups.note(answer('g1', 0), NOW);
    assert.notEqual(groups.of('cam-1', 'g1', NOW + 59_999), null);
    assert.equal(groups.of('cam-1', 'g1', NOW + 60_000), null);
    groups.note(answer('g2', 60_000), NOW + 60_000);
    assert.equal(groups.size, 1, 'the memory is freed by the next answer');
    groups.setLife(1_000);
    assert.equal(groups.of('cam-1', 'g2', NOW + 61_000), null);
  });

  it('holds a bounded number of groups: the longest unanswered one goes first', () => {
    const groups = new AssessedGroups(60_000, 3);
    for (const [i, groupId] of ['a', 'b', 'c', 'a', 'd'].entries()) groups.note(answer(groupId, i), NOW);
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((groupId) => groups.of('cam-1', groupId, NOW) !== null),
      [true, false, true, true],
    );
  });
});
