import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EarlierMoments, type Subject } from '../../src/actors/camera/earlier-moments.ts';
import { EarlierMoment } from '../../src/messages/detection.ts';
import { newRequestId } from '../../src/messages/ids.ts';

const START = 1_700_000_000_000;

const subject = (index: number): Subject => ({ id: `g${index}`, subjectIndex: index });

/** The ages (ms) of the earlier moments of the group `g1`, frame by frame. */
function agesOver(times: readonly number[], unchangedSince?: number): number[][] {
  const moments = new EarlierMoments();
  const since = unchangedSince === undefined ? {} : { unchangedSince: new Date(START + unchangedSince).toISOString() };
  return times.map((time) => {
    const still = unchangedSince !== undefined && time > unchangedSince ? since : {};
    const [found = []] = moments.add(newRequestId(), [{ ...subject(1), ...still }], START + time);
    return found.map((moment) => START + time - Date.parse(EarlierMoment.parse(moment).timestamp));
  });
}

describe('the earlier moments of a group', () => {
  it('are those of the last two seconds, newest first', () => {
    assert.deepEqual(agesOver([0, 1_800, 3_600]), [[], [1_800], [1_800]]);
    assert.deepEqual(agesOver([0, 1_000, 2_000, 3_000]).at(-1), [1_000, 2_000]);
    assert.deepEqual(agesOver([0, 2_200]).at(-1), [], 'longer ago than two seconds');
  });

  it('are spread over the two seconds when there are many', () => {
    const times = Array.from({ length: 30 }, (_, i) => i * 100);
    assert.deepEqual(agesOver(times).at(-1), [1_000, 2_100]);
  });

  it('leave out those since which nothing has changed', () => {
    assert.deepEqual(agesOver([0, 1_000, 2_000], 1_000).at(-1), [2_000]);
    assert.deepEqual(agesOver([0, 1_000, 2_000], 0).at(-1), []);
  });

  it('are found by the name of the group, with the crop it had then', () => {
    const moments = new EarlierMoments();
    const request = newRequestId();
    moments.add(request, [subject(1), subject(2)], START);
    const swapped = [
      { ...subject(1), id: 'g2' },
      { ...subject(2), id: 'new' },
    ];
    const timestamp = new Date(START).toISOString();
    assert.deepEqual(moments.add(newRequestId(), swapped, START + 500), [[{ cropId: `${request}.g2`, timestamp }], []]);
  });

  it('are none of the future, when the clock was set back', () => {
    assert.deepEqual(agesOver([5_000, 4_000]).at(-1), []);
  });
});
