/**
 * Plays the detections of one scene through the product's watch. Time is simulated: regular frames come when they are
 * due; those of a look-back come one after the other from a moment after the wish, those of the future when they are
 * due.
 */
import type { Box } from '../../src/messages/detection.ts';
import type { RoadPlane } from '../../src/scene/scene.types.ts';
import { LOOK_BACK_SECONDS, type RoadTrack, type TrackPoint } from '../../src/tracking/tracking.types.ts';
import type { BurstWish, TrafficWatch, WatchedIncident, WatchOutcome } from '../../src/watch/watch.types.ts';
import type { SceneFrame } from './scene-folder.ts';
import type { Alarm } from './score-alarms.ts';
import type { TrackLine } from './score-tracks.ts';
import { cpuMs } from './stage-times.ts';

/** From a wish to the first picture of a look-back, and from one to the next, s. */
const ANSWER_SECONDS = 0.15;
const PICTURE_SECONDS = 0.03;
/** Frames of scenes come every 0.1 s. */
export const FRAMES_A_SECOND = 10;
const FRAME_SECONDS = 1 / FRAMES_A_SECOND;
/** A motion in the picture is taken from boxes so long apart, or else at least and at most so long, ms. */
const MOTION_MS = 400;
const LEAST_MOTION_MS = 150;
const MOST_MOTION_MS = 1_600;
/** Any epoch: of second 0 of a scene. */
export const EPOCH = Date.UTC(2026, 0, 1);

export interface PlayOptions {
  /** Regular frames a second. */
  readonly fps: number;
  readonly burst: boolean;
  readonly lookBackSeconds?: number;
}

/** A frame as its watch answered. */
export interface PlayedFrame {
  readonly t: number;
  /** When the watch had it, s. */
  readonly now: number;
  readonly burst: boolean;
  readonly objects: number;
  /** CPU of the watch, ms. */
  readonly ms: number;
}

export interface Played {
  readonly alarms: readonly Alarm[];
  readonly lines: readonly TrackLine[];
  readonly frames: readonly PlayedFrame[];
  /** Each incident as it was told last. */
  readonly incidents: ReadonlyMap<string, WatchedIncident>;
}

/** Sees each outcome at the simulated second `now`; `t` is the frame's. */
export type OutcomeListener = (outcome: WatchOutcome, t: number, now: number, burst: boolean) => void;

interface Due {
  readonly t: number;
  readonly now: number;
  readonly burst: boolean;
}

export interface PlayScene {
  readonly name: string;
  readonly frames: readonly SceneFrame[];
  /** Moves the boxes of alarms on; absent: they move as they did in the picture. */
  readonly plane?: RoadPlane;
}

/** Frames at their places in `frames`, one every 0.1 s from second 0 on. */
export function play(
  { name, frames, plane }: PlayScene,
  watch: Pick<TrafficWatch, 'observe'>,
  options: PlayOptions,
  listen: OutcomeListener = () => undefined,
): Played {
  const alarms: Alarm[] = [];
  const lines: TrackLine[] = [];
  const played: PlayedFrame[] = [];
  const incidents = new Map<string, WatchedIncident>();
  const queue = new IngestQueue(frames.length, options);
  for (let due = queue.next(); due !== null; due = queue.next()) {
    const { t, now, burst } = due;
    const objects = frames[Math.round(t / FRAME_SECONDS)]?.objects ?? [];
    const started = cpuMs();
    const outcome = watch.observe({ at: EPOCH + Math.round(t * 1_000), detections: objects, burst });
    played.push({ t, now, burst, objects: objects.length, ms: cpuMs() - started });
    listen(outcome, t, now, burst);
    lines.push({ scene: name, t, objects: assigned(objects, outcome) });
    for (const incident of outcome.incidents) {
      if (!incidents.has(incident.incidentId)) alarms.push(alarmOf(name, incident, outcome.tracks, now, plane));
      incidents.set(incident.incidentId, incident);
    }
    if (options.burst && outcome.burst !== null) queue.wish(outcome.burst, now);
  }
  return { alarms, lines: lines.toSorted((a, b) => a.t - b.t), frames: played, incidents };
}

/** Frames in the order in which an ingest would give them. */
class IngestQueue {
  readonly #frames: number;
  readonly #lookBackSeconds: number;
  readonly #due: Due[] = [];
  readonly #given = new Set<number>();
  /** The open look-back ends with this. */
  #busyUntil = -1;

  constructor(frames: number, { fps, lookBackSeconds = LOOK_BACK_SECONDS }: PlayOptions) {
    this.#frames = frames;
    this.#lookBackSeconds = lookBackSeconds;
    const seconds = frames * FRAME_SECONDS;
    for (let index = 0; index / fps < seconds - FRAME_SECONDS / 2; index += 1) {
      const t = Math.round(index / fps / FRAME_SECONDS) * FRAME_SECONDS;
      this.#due.push({ t, now: t, burst: false });
    }
  }

  next(): Due | null {
    const due = this.#due.shift() ?? null;
    if (due !== null) this.#given.add(Math.round(due.t / FRAME_SECONDS));
    return due;
  }

  /** A camera has one look-back at a time; another wish is refused meanwhile. */
  wish({ from, to, fps }: BurstWish, now: number): void {
    if (now < this.#busyUntil) return;
    const step = 1_000 / fps;
    let ready = now + ANSWER_SECONDS;
    for (let at = from; at <= to + 1; at += step) {
      const index = Math.round((at - EPOCH) / 1_000 / FRAME_SECONDS);
      const t = index * FRAME_SECONDS;
      const isThere = index >= 0 && index < this.#frames && t >= now - this.#lookBackSeconds;
      if (!isThere || this.#given.has(index) || this.#due.some((due) => Math.abs(due.t - t) < 0.01)) continue;
      ready = Math.max(ready, t) + PICTURE_SECONDS;
      this.#insert({ t, now: ready, burst: true });
      this.#busyUntil = ready;
    }
  }

  #insert(due: Due): void {
    const index = this.#due.findLastIndex(({ now }) => now <= due.now) + 1;
    this.#due.splice(index, 0, due);
  }
}

function assigned(objects: SceneFrame['objects'], { assignments }: WatchOutcome): TrackLine['objects'] {
  return objects.flatMap(({ bbox }, index) => {
    const trackId = assignments[index]?.trackId;
    return trackId === undefined ? [] : [{ trackId, bbox }];
  });
}

function alarmOf(
  scene: string,
  { incidentId, kind, trackIds }: WatchedIncident,
  tracks: readonly RoadTrack[],
  now: number,
  plane: RoadPlane | undefined,
): Alarm {
  const members = tracks.filter(({ trackId }) => trackIds.includes(trackId));
  const bboxes = members.flatMap((track) => boxesAt(track, EPOCH + now * 1_000, plane));
  return { scene, kind, t: now, bboxes, incidentId };
}

/** The box as it was seen last, and moved on to a later moment as it moved before in the picture. */
function boxesAt({ history }: RoadTrack, at: number, plane?: RoadPlane): Box[] {
  const last = history.findLast(({ box }) => box !== null);
  if (last === undefined || last.box === null) return [];
  const driven = plane === undefined ? null : drivenOn(last, at, plane);
  if (driven !== null) return [last.box, driven];
  const earlier = history.filter((point) => {
    const ms = last.at - point.at;
    return point.box !== null && ms >= LEAST_MOTION_MS && ms <= MOST_MOTION_MS;
  });
  const before = earlier.findLast((point) => last.at - point.at >= MOTION_MS) ?? earlier[0];
  if (before === undefined || before.box === null) return [last.box];
  const share = (at - last.at) / (last.at - before.at);
  const then = before.box;
  const moved = last.box.map((side, index) => side + (side - (then[index] ?? side)) * share);
  const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = moved;
  return x1 < x2 && y1 < y2 ? [last.box, [x1, y1, x2, y2]] : [last.box];
}

/** The box where its road user is at a later moment, if it goes on; as much larger as it is nearer. */
function drivenOn({ at: then, box, velocity }: TrackPoint, at: number, plane: RoadPlane): Box | null {
  if (box === null) return null;
  const [x1, y1, x2, y2] = box;
  const foot = [(x1 + x2) / 2, y2] as const;
  const place = plane.toRoad(foot);
  if (place === null) return null;
  const seconds = (at - then) / 1_000;
  const next = plane.toImage([place[0] + velocity[0] * seconds, place[1] + velocity[1] * seconds]);
  const [scale, before] = [next === null ? null : plane.metresPerPixel(next), plane.metresPerPixel(foot)];
  if (next === null || scale === null || before === null) return null;
  const times = before.across / scale.across;
  const [width, height] = [(x2 - x1) * times, (y2 - y1) * times];
  return [next[0] - width / 2, next[1] - height, next[0] + width / 2, next[1]];
}
