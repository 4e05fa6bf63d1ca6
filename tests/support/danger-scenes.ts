import type { Box } from '../../src/messages/detection.ts';
import { PRODUCT_PARTS } from '../../src/watch/watch-parts.ts';
import type { WatchedIncident } from '../../src/watch/watch.types.ts';
import { type RunResult, runScenes } from '../../bench/danger/run-scenes.ts';
import { sceneOf, watchOf } from '../../bench/danger/make-watch.ts';
import { EPOCH, play } from '../../bench/danger/play.ts';
import type { DangerScene, Point, SceneFile } from '../../bench/danger/scene-folder.ts';

/** Plays a scene as the product would, one picture a second and look-backs. */
export const played = (scene: DangerScene): RunResult =>
  runScenes([scene], PRODUCT_PARTS, { fps: 1, burst: true, burstFps: 2, noise: 'shipped', calibration: 'given' });

/** The incidents of a scene that is played later by some ms; `onset` in ms from the scene's begin. */
export function incidentsAt(
  danger: DangerScene,
  laterMs: number,
): (Pick<WatchedIncident, 'kind' | 'trackIds'> & { readonly onset: number })[] {
  const scene = sceneOf(danger.scene, 'given');
  const watch = watchOf(danger.scene, scene, PRODUCT_PARTS, 2);
  const { incidents } = play(
    { name: danger.name, frames: danger.frames },
    {
      observe: (frame) => {
        const outcome = watch.observe({ ...frame, at: frame.at + laterMs });
        const { burst } = outcome;
        return burst === null
          ? outcome
          : { ...outcome, burst: { ...burst, from: burst.from - laterMs, to: burst.to - laterMs } };
      },
    },
    { fps: 1, burst: true },
  );
  return [...incidents.values()].map(({ kind, onset, trackIds }) => {
    return { kind, trackIds, onset: Date.parse(onset) - EPOCH - laterMs };
  });
}

/** A stretch of a scene, in seconds from its begin; the time goes on counting from its own. */
export function stretch({ name, scene, frames, truth }: DangerScene, from: number, to: number): DangerScene {
  const begin = Math.round(Math.max(0, from) * 10);
  const by = begin / 10;
  const kept = frames.slice(begin, Math.round(to * 10));
  return {
    name,
    scene: { ...scene, durationSeconds: kept.length / 10 },
    frames: kept.map((frame, index) => ({ ...frame, t: index / 10 })),
    truth: {
      tracks: truth.tracks.map((track) => ({ ...track, t0: track.t0 - by })),
      events: truth.events.map((event) => ({
        ...event,
        start: event.start - by,
        end: event.end - by,
        peak: event.peak - by,
        qualifiedAt: event.qualifiedAt - by,
        visibleFrom: event.visibleFrom === null ? null : event.visibleFrom - by,
      })),
    },
  };
}

/** The picture and the road as in a mirror; the road then turned by 40 degrees, and moved. */
export function mirrored({ name, scene, frames, truth }: DangerScene): DangerScene {
  const flip = ([x, y]: Point): Point => [scene.width - x, y];
  const flipBox = ([x1, y1, x2, y2]: Box): Box => [scene.width - x2, y1, scene.width - x1, y2];
  const [c, s] = [Math.cos(0.7), Math.sin(0.7)];
  const turn = ([x, y]: Point): Point => [c * x + s * y + 300, s * x - c * y - 70];
  const pairs = scene.calibration.map(({ image, road }) => ({ image: flip(image), road: turn(road) }));
  const zones: SceneFile['zones'] = scene.zones.map(({ direction, ...zone }) => ({
    ...zone,
    polygon: zone.polygon.map(flip),
    ...(direction === undefined ? {} : { direction: [flip(direction[0]), flip(direction[1])] as [Point, Point] }),
  }));
  return {
    name,
    scene: { ...scene, calibration: pairs, calibrationError: pairs, zones },
    frames: frames.map(({ t, objects }) => ({
      t,
      objects: objects.map((object) => ({ ...object, bbox: flipBox(object.bbox) })),
    })),
    truth: {
      events: truth.events,
      // Alarms are compared by boxes alone.
      tracks: truth.tracks.map((track) => ({
        ...track,
        states: track.states.map(([x, y, speed, heading, box]) => [x, y, speed, heading, box && flipBox(box)] as const),
      })),
    },
  };
}

/** Without the detections for which `isLost`, called once for each. */
export const thinned = (scene: DangerScene, isLost: () => boolean): DangerScene => ({
  ...scene,
  frames: scene.frames.map(({ t, objects }) => ({ t, objects: objects.filter(() => !isLost()) })),
});
