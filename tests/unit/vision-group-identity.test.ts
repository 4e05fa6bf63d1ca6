import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { createGroupIdentity } from '../../src/vision/group-identity.ts';

/** Names the groups of frames a second apart; a group is the list of its members' tracks. */
function follow(frames: readonly (readonly number[])[][], options = {}): string[][] {
  const identity = createGroupIdentity(options);
  return frames.map((groups, second) =>
    identity
      .name(
        groups.map((tracks) => ({ tracks })),
        ({ tracks }) => tracks,
        second * 1000,
      )
      .map((group) => group.groupId),
  );
}

describe('the name of a group', () => {
  it('ends its names as told, so that those of two runs are never the same', () => {
    const [named] = createGroupIdentity({ suffix: '-k3f9a' }).name([[1, 2]], (tracks) => tracks, 0);
    assert.equal(named?.groupId, 'g1-k3f9a');
  });

  it('stays while members come and go, whatever the order of the groups', () => {
    assert.deepEqual(
      follow([
        [
          [1, 2],
          [3, 4],
        ],
        [
          [4, 3, 5],
          [2, 1],
        ],
        [
          [5, 4],
          [1, 2, 9],
        ],
      ]),
      [
        ['g1', 'g2'],
        ['g2', 'g1'],
        ['g2', 'g1'],
      ],
    );
  });

  it('goes with the larger part when a group splits, to the one that brings more when two merge', () => {
    assert.deepEqual(
      follow([
        [[1, 2, 3, 4, 5]],
        [
          [1, 2],
          [3, 4, 5],
        ],
      ]),
      [['g1'], ['g2', 'g1']],
    );
    assert.deepEqual(
      follow([
        [
          [1, 2],
          [3, 4, 5],
        ],
        [[1, 2, 3, 4, 5]],
      ]),
      [['g1', 'g2'], ['g2']],
    );
  });

  it('comes back after a frame without the group, and is not used again after it is forgotten', () => {
    assert.deepEqual(follow([[[1, 2]], [], [[1, 2]]]), [['g1'], [], ['g1']]);
    assert.deepEqual(follow([[[1, 2]], [], [], [[1, 2]]], { maxAgeSeconds: 2 }), [['g1'], [], [], ['g2']]);
  });

  it('is another one when nobody is left', () => {
    assert.deepEqual(follow([[[1, 2]], [[3, 4]]]), [['g1'], ['g2']]);
  });

  it('is unique in a frame, and memory is bounded, whatever happens', () => {
    const groups = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { maxLength: 20 }).map((tracks) => {
      const parts: number[][] = [];
      for (let i = 0; i + 1 < tracks.length; i += 3) parts.push(tracks.slice(i, i + 3));
      return parts;
    });
    fc.assert(
      fc.property(fc.array(groups, { maxLength: 15 }), (frames) => {
        const identity = createGroupIdentity({ maxGroups: 8 });
        for (const [second, frame] of frames.entries()) {
          const named = identity.name(
            frame.map((tracks) => ({ tracks })),
            ({ tracks }) => tracks,
            second * 1000,
          );
          assert.deepEqual(
            named.map(({ tracks }) => tracks),
            frame,
          );
          assert.equal(new Set(named.map(({ groupId }) => groupId)).size, frame.length);
          assert.ok(identity.size <= 8);
        }
      }),
    );
  });
});
