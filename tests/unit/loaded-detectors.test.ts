import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LoadedDetectors } from '../../src/inference/loaded-detectors.ts';
import type { Detector } from '../../src/vision/vision.types.ts';
import { INIT, INPUT } from '../support/camera-world.ts';

function world() {
  const log: string[] = [];
  const detectors = new LoadedDetectors(async ({ name }) => {
    log.push(`+${name}`);
    if (name === 'broken') throw new Error('damaged');
    const detector: Detector = {
      modelType: name,
      inputSize: INPUT,
      detect: async () => [],
      release: async () => void log.push(`-${name}`),
    };
    return detector;
  });
  const of = (name: string, minute: number) => detectors.of({ ...INIT.model, name, path: name }, minute * 60_000);
  return { log, of };
}

describe('the detectors of a thread', () => {
  it('are loaded once each, three at most, the one used longest ago is freed', async () => {
    const { log, of } = world();
    for (const name of ['a', 'b', 'a', 'c', 'd']) assert.equal((await of(name, 0)).modelType, name);
    assert.deepEqual(log, ['+a', '+b', '+c', '+d', '-b']);
  });

  it('are freed when they were not used for ten minutes', async () => {
    const { log, of } = world();
    await of('a', 0);
    await of('b', 9);
    assert.deepEqual(log, ['+a', '+b']);
    await of('b', 10);
    assert.deepEqual(log, ['+a', '+b', '-a']);
  });

  it('that cannot be loaded are tried again, and leave the others', async () => {
    const { log, of } = world();
    await of('a', 0);
    await assert.rejects(of('broken', 0), /damaged/u);
    await assert.rejects(of('broken', 0), /damaged/u);
    await of('a', 0);
    assert.deepEqual(log, ['+a', '+broken', '+broken']);
  });
});
