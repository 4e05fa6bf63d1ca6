/** Plays scenes and adds up their figures. */
import type { WatchParts } from '../../src/watch/watch-parts.ts';
import { addEventErrors, type EventErrors, noErrors, speedErrors } from './accuracy.ts';
import { sceneOf, watchOf } from './make-watch.ts';
import type { DangerOptions } from './options.ts';
import { play, type PlayedFrame } from './play.ts';
import { type DangerScene, trueFrames } from './scene-folder.ts';
import { type Alarm, type SceneScore, scoreScene } from './score-alarms.ts';
import { added, bestCounts, NO_COUNTS, type TrackCounts, trackCounts, type TrackLine } from './score-tracks.ts';

export interface RunResult {
  readonly scores: readonly SceneScore[];
  readonly alarms: readonly Alarm[];
  readonly lines: readonly TrackLine[];
  readonly frames: readonly PlayedFrame[];
  readonly tracks: TrackCounts;
  /** Of an oracle on the same boxes. */
  readonly best: TrackCounts;
  readonly errors: EventErrors;
  /** km/h, absolute values, of tracks at regular frames. */
  readonly speeds: readonly number[];
  /** Seconds of scenes. */
  readonly seconds: number;
}

export type RunOptions = Pick<DangerOptions, 'fps' | 'burst' | 'burstFps' | 'noise' | 'calibration'>;

export function runScenes(scenes: Iterable<DangerScene>, parts: WatchParts, options: RunOptions): RunResult {
  const scores: SceneScore[] = [];
  const alarms: Alarm[] = [];
  const lines: TrackLine[] = [];
  const played: PlayedFrame[] = [];
  const speeds: number[] = [];
  const errors = noErrors();
  let [tracks, best] = [NO_COUNTS, NO_COUNTS];
  let seconds = 0;
  for (const danger of scenes) {
    const scene = sceneOf(danger.scene, options.calibration);
    const frames = options.noise === 'none' ? trueFrames(danger) : danger.frames;
    const watch = watchOf(danger.scene, scene, parts, options.burst ? options.burstFps : 0);
    const result = play({ name: danger.name, frames, plane: scene.plane }, watch, options, (outcome, t, _, burst) => {
      if (!burst) speeds.push(...speedErrors(danger.truth, outcome.tracks, t));
    });
    const score = scoreScene(danger, result.alarms);
    scores.push(score);
    alarms.push(...result.alarms);
    lines.push(...result.lines);
    played.push(...result.frames);
    addEventErrors(errors, score.events, result.incidents);
    tracks = added(tracks, trackCounts(danger.truth, result.lines));
    const boxes = result.lines.map(({ t }) => ({
      t,
      boxes: (frames[Math.round(t * 10)]?.objects ?? []).map(({ bbox }) => bbox),
    }));
    best = added(best, bestCounts(danger.truth, boxes));
    seconds += danger.scene.durationSeconds;
  }
  return { scores, alarms, lines, frames: played, tracks, best, errors, speeds, seconds };
}
