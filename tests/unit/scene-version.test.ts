import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SceneConfig } from '../../src/messages/scene.ts';
import { isExpected, sceneVersion } from '../../src/scene/scene-version.ts';
import { SCENE } from '../support/http-samples.ts';

const scene = SceneConfig.parse({ ...SCENE, thresholds: { queue: { enabled: false }, speeding: { minSeconds: 3 } } });

test('the version of a scene goes by its content alone', () => {
  const reversed = Object.fromEntries(Object.entries(scene).toReversed()) as SceneConfig;
  const thresholds = Object.fromEntries(Object.entries(scene.thresholds ?? {}).toReversed());
  assert.equal(sceneVersion({ ...reversed, thresholds }), sceneVersion(scene));
  assert.equal(sceneVersion(SceneConfig.parse(JSON.parse(JSON.stringify(scene)))), sceneVersion(scene));
  const others: readonly SceneConfig[] = [
    { ...scene, speedLimitKmh: 51 },
    { ...scene, zones: [] },
    { ...scene, calibration: scene.calibration?.toReversed() },
    { ...scene, thresholds: { queue: { enabled: true }, speeding: { minSeconds: 3 } } },
  ];
  assert.equal(new Set([scene, ...others].map(sceneVersion)).size, others.length + 1);
});

test('a scene is expected by its version, as any or as none', () => {
  const versions = ['another', sceneVersion(scene)];
  assert.deepEqual(
    [isExpected({ versions }, scene), isExpected('any', scene), isExpected('none', scene)],
    [true, true, false],
  );
  assert.equal(isExpected({ versions: ['another'] }, scene), false);
  assert.deepEqual(
    [isExpected({ versions }, null), isExpected('any', null), isExpected('none', null)],
    [false, false, true],
  );
});
