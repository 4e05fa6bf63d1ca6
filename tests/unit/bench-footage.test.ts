import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Clip, clipFiles, incidentLines, playClip } from '../../bench/danger/footage.ts';
import { DEMO_SCENE } from '../../src/app/demo-scene.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Somebody walks along the arm of the demo's junction that leads to the left, as the detector would see it. */
const walking: Clip = {
  name: 'walking.mp4',
  picture: { width: DEMO_SCENE.width, height: DEMO_SCENE.height },
  frames: Array.from({ length: 80 }, (_, i) => {
    const [x, y] = [60 + 2.5 * i, 234 + 0.2 * i];
    return { t: i / 10, objects: [{ class: 'person', confidence: 0.9, bbox: [x - 12, y - 68, x + 12, y] }] };
  }),
};
const OPTIONS = { fps: 1, burst: true, burstFps: 2 } as const;

test('a clip is played as a camera sees it: at the regular rate, with look-backs and the scene', () => {
  const played = playClip(walking, { ...OPTIONS, scene: DEMO_SCENE });
  assert.equal(played.frames.filter(({ burst }) => !burst).length, 8);
  assert.deepEqual(
    [...played.incidents.values()].map(({ kind, calibrated, zone }) => [kind, calibrated, zone]),
    [['person-on-road', true, 'west-out']],
  );
  const [line = ''] = incidentLines(played);
  assert.match(
    line,
    /^ {2}\d\.\d-end s \(raised \d\.\d\) person-on-road medium, tracks 1, zone west-out, box .*speedKmh/,
  );
});

test('without a scene nobody knows where the road is', () => {
  assert.equal(playClip(walking, { ...OPTIONS, scene: null }).incidents.size, 0);
});

test('clips are the video files of a folder, or the file itself', () => {
  const folder = temporaryFolder();
  for (const name of ['b.mp4', 'a.AVI', 'notes.md']) writeFileSync(join(folder, name), '');
  mkdirSync(join(folder, 'more'));
  assert.deepEqual(clipFiles(folder), [join(folder, 'a.AVI'), join(folder, 'b.mp4')]);
  assert.deepEqual(clipFiles(join(folder, 'b.mp4')), [join(folder, 'b.mp4')]);
  assert.deepEqual(clipFiles(join(folder, 'more')), []);
  assert.deepEqual(clipFiles(join(folder, 'none')), []);
});
