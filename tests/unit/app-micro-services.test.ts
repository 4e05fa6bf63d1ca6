import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CameraEntry } from '../../src/actors/camera-registry.ts';
import { listingOf } from '../../src/app/micro-services.ts';
import { config, record } from '../support/http-samples.ts';

const entries = (count: number, prompt: string): CameraEntry[] =>
  Array.from({ length: count }, (_, index) => {
    const { figures, ...known } = record(config(`cam-${index}`, { prompt }));
    return { ...known, ...figures, previewSocket: '/secret/socket', sceneChange: null };
  });

test('a list for other nodes has no passwords and no sockets, and is no larger than a message', () => {
  const [listed] = listingOf(entries(1, 'a school crossing'));
  assert.equal(listed?.config.prompt, 'a school crossing');
  assert.doesNotMatch(JSON.stringify(listed), /s3cret|socket/);
  const many = listingOf(entries(500, '\u5371'.repeat(2_000)));
  assert.equal(many.length, 500);
  assert.ok(many.every(({ config: shown }) => !('prompt' in shown)));
  assert.ok(Buffer.byteLength(JSON.stringify(many)) < 1024 * 1024);
});
