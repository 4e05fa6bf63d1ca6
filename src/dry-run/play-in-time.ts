import type { DryRunJob, DryRunPlay, PlayedFrame } from './dry-run.types.ts';
import { ScenePlayer } from './play-scene.ts';

/** After this share of the time, a try is judged by its pace: first with short tracks, then with long ones. */
const JUDGED_AFTER = [1 / 8, 1 / 4];
/** Share of the time left that a new try may need by the pace so far. */
const PLANNED_SHARE = 0.9;

/**
 * Plays each of the job's scenes over the same frames: all of them, or as many of the newest as take about `playMs`.
 * The frames of a crowded road take several minutes otherwise.
 *
 * @param now ms, of any clock that runs evenly
 */
export function playInTime(job: DryRunJob, now: () => number): DryRunPlay {
  const begin = now();
  let first = 0;
  for (const share of [...JUDGED_AFTER, Infinity]) {
    const played = tryFrom(first, job, { now, end: begin + job.playMs, judgeAt: begin + job.playMs * share });
    if ('outcomes' in played) return played;
    first = played.from;
  }
  throw new Error('the last try of a dry run was judged');
}

interface Times {
  readonly now: () => number;
  /** The frames after this are left out. */
  readonly end: number;
  readonly judgeAt: number;
}

/** The outcome of the frames from `first` on; or a later frame to begin with, as these would take too long. */
function tryFrom(first: number, job: DryRunJob, { now, end, judgeAt }: Times): DryRunPlay | { readonly from: number } {
  const { frames, scenes, confidence } = job;
  const players = scenes.map((scene) => new ScenePlayer(scene, confidence));
  const begin = now();
  /** From where on the pace counts: the first frames are slow, as their code is not compiled yet. */
  let steady = { at: begin, played: first };
  let played = first;
  let isJudged = false;
  for (const frame of frames.slice(first)) {
    for (const player of players) player.play(frame);
    played += 1;
    const at = now();
    // Only when even the last judgement was too hopeful. The frames played are newer than those left out before.
    if (at >= end) break;
    if (at < (begin + judgeAt) / 2) steady = { at, played };
    if (isJudged || at < judgeAt) continue;
    isJudged = true;
    const pace = workOfAll(frames.slice(steady.played, played)) / (at - steady.at);
    const affordable = pace * (end - at);
    if (workOfAll(frames.slice(played)) > affordable) {
      const from = firstWithin(frames, affordable * PLANNED_SHARE);
      if (from > first) return { from };
    }
  }
  return { first, count: played - first, outcomes: players.map((player) => player.outcome()) };
}

/**
 * The work that a frame makes, in any unit: events are looked for at each road user and at each pair. Measured with 20,
 * 60 and 120 road users: 7, 29 and 107 ms with one scene.
 */
const workOf = ({ objects }: PlayedFrame): number => objects.length * (objects.length + 60) + 100;

const workOfAll = (frames: readonly PlayedFrame[]): number => frames.reduce((sum, frame) => sum + workOf(frame), 0);

/** The first of the newest frames that make no more work than this; at least one is among them. */
function firstWithin(frames: readonly PlayedFrame[], most: number): number {
  let work = 0;
  const tooOld = frames.findLastIndex((frame) => (work += workOf(frame)) > most);
  return Math.min(tooOld + 1, frames.length - 1);
}
