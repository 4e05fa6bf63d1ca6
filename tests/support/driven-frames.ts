import { randomUUID } from 'node:crypto';
import type { PlayedFrame } from '../../src/dry-run/dry-run.types.ts';
import { SceneConfig } from '../../src/messages/scene.ts';
import { createAutoScale } from '../../src/scene/auto-scale.ts';
import { makeScene } from '../../src/scene/make-scene.ts';
import { SCENE } from './http-samples.ts';

const PICTURE = { width: 1_280, height: 720 };
export const DRIVE_START = Date.UTC(2026, 4, 4);

/** The scene of the samples, its lane as it is or the other way round. */
export function laneScene(way: 'with-the-car' | 'against-the-car'): SceneConfig {
  const scene = SceneConfig.parse(SCENE);
  if (way === 'with-the-car') return scene;
  const zones = scene.zones.map(({ direction, ...zone }) =>
    direction === undefined ? zone : { ...zone, direction: [direction[1], direction[0]] as typeof direction },
  );
  return { ...scene, zones };
}

/** A car that drives up the lane of that scene at 3 m/s for 6 s: two frames a second from `start` on, epoch ms. */
export function drivenFrames(start = DRIVE_START): PlayedFrame[] {
  const { plane } = makeScene(SceneConfig.parse(SCENE), PICTURE, createAutoScale(PICTURE));
  return Array.from({ length: 13 }, (_, index) => {
    const y = 21 + index * 1.5;
    const [left, bottom] = plane.toImage([1.1, y]) ?? [0, 0];
    const [right] = plane.toImage([2.9, y]) ?? [0, 0];
    const requestId = randomUUID();
    const height = ((right - left) / 1.8) * 1.5;
    return {
      at: start + index * 500,
      requestId,
      imageId: `${requestId}.frame`,
      ...PICTURE,
      objects: [{ class: 'car', confidence: 0.9, bbox: [left, bottom - height, right, bottom] }],
    };
  });
}
