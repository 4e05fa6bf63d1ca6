import type { Scene } from '../scene/scene.types.ts';
import { associate } from './association.ts';
import { followInImage, type ImageTrack } from './image-tracks.ts';
import { nameAgain, type Named, type RenamedFrame } from './identities.ts';
import { speedOf } from './motion-filter.ts';
import { RoadTrackView } from './road-track-view.ts';
import { KIND_OF, SLOW } from './road-users.ts';
import { footOf, hides, sightingsOf, type Picture, type Sighting } from './sighting.ts';
import { born, continued, newest, onScene, type FootAt } from './track-state.ts';
import type { TrackState } from './track-state.types.ts';
import {
  LOOK_BACK_SECONDS,
  type Assignment,
  type RoadTrack,
  type RoadTracker,
  type TrackedDetection,
  type UserKind,
} from './tracking.types.ts';

export interface RoadTrackerOptions {
  /** Size in px of the picture as shown: boxes at its edges are cut. Absent: no box is taken as cut. */
  readonly picture?: Picture;
  /** Detections with less confidence begin no track, 0..1. Default 0.45. */
  readonly birthConfidence?: number;
  /** Most tracks kept; beyond it the longest unseen is forgotten. Default 300. */
  readonly maxTracks?: number;
}

/** Most frames kept to go back to; beyond it the oldest are forgotten. */
const MOST_FRAMES = 240;
/** Moving tracks unseen for longer are forgotten, ms: those seen once, and all others. */
const FLEETING_MS: Readonly<Record<UserKind, number>> = { person: 5_000, 'two-wheeler': 3_700, vehicle: 2_600 };
const MOVING_MS: Readonly<Record<UserKind, number>> = { person: 12_000, 'two-wheeler': 6_000, vehicle: 6_000 };
/** Those that stood when they were seen last: others may stand before them. */
const STANDING_MS = 40_000;
/**
 * Unseen for longer than this, a track is no more reported, ms. One that stood is as long as it is remembered while
 * another stands before it: in a queue that faces away from the camera each hides the one ahead.
 */
const REPORTED_MS = 3_000;
const STANDING_REPORTED_MS = 15_000;

/** All that is known after a frame. Never changed. */
interface Memory {
  readonly tracks: readonly TrackState[];
  readonly images: readonly ImageTrack[];
}

/** A frame, and what was made of it. */
interface Frame {
  readonly at: number;
  readonly detections: readonly TrackedDetection[];
  sightings: readonly Sighting[];
  after: Memory;
  /** By detection. */
  named: readonly (Named | null)[];
}

const NOTHING: Memory = { tracks: [], images: [] };

const isSlow = (track: TrackState): boolean => track.hits > 1 && speedOf(newest(track).filtered) < SLOW;

function isRemembered(track: TrackState, at: number): boolean {
  const unseen = at - track.seenAt;
  if (isSlow(track)) return unseen <= STANDING_MS;
  return unseen <= (track.hits === 1 ? FLEETING_MS : MOVING_MS)[track.kind];
}

function reportedMs(track: TrackState, { detections }: Frame): number {
  if (!isSlow(track)) return REPORTED_MS;
  const { box } = newest(track);
  const isHidden = detections.some((other) => KIND_OF[other.class] !== null && hides(other.bbox, box));
  return isHidden ? STANDING_MS : STANDING_REPORTED_MS;
}

class Tracker implements RoadTracker {
  #scene: Scene;
  readonly #options: Required<Omit<RoadTrackerOptions, 'picture'>>;
  readonly #picture: Picture | null;
  /** In the order of time, those of the look-back. */
  #frames: Frame[] = [];
  /** So many of the frames are up to date; those after a late one are gone through again when they are asked for. */
  #upTo = 0;
  /** Before the first of the frames. */
  #before: Memory = NOTHING;
  #nextId = 1;
  #view: { readonly memory: Memory; readonly tracks: readonly RoadTrack[] } | null = null;
  #newestAt: number | null = null;

  readonly #footAt: FootAt = (box, errors) => footOf(box, this.#scene, this.#picture, errors, errors !== undefined);

  constructor(scene: Scene, { picture, birthConfidence = 0.45, maxTracks = 300 }: RoadTrackerOptions) {
    this.#scene = scene;
    this.#picture = picture ?? null;
    this.#options = { birthConfidence, maxTracks };
  }

  get newestAt(): number | null {
    return this.#newestAt;
  }

  update(detections: readonly TrackedDetection[], at: number): readonly (Assignment | null)[] {
    if (this.#newestAt !== null && at < this.#newestAt - LOOK_BACK_SECONDS * 1_000) return detections.map(() => null);
    const index = this.#frames.findLastIndex((frame) => frame.at <= at) + 1;
    const sightings = sightingsOf(detections, this.#scene, this.#picture);
    const frame: Frame = { at, detections, sightings, after: NOTHING, named: [] };
    this.#frames.splice(index, 0, frame);
    this.#upTo = Math.min(this.#upTo, index);
    this.#goOn(index);
    this.#newestAt = Math.max(at, this.#newestAt ?? at);
    this.#forget();
    return frame.named.map((named) =>
      named === null ? null : { trackId: named.identity.id, velocity: named.velocity },
    );
  }

  get tracks(): readonly RoadTrack[] {
    const at = this.#newestAt;
    this.#goOn(this.#frames.length - 1);
    const frame = this.#frames.at(-1);
    const memory = frame?.after;
    if (at === null || frame === undefined || memory === undefined) return [];
    if (this.#view?.memory === memory) return this.#view.tracks;
    const tracks = memory.tracks
      .filter((track) => at - track.seenAt <= reportedMs(track, frame))
      .map((track): RoadTrack => new RoadTrackView(track, at));
    this.#view = { memory, tracks };
    return tracks;
  }

  assignmentsAt(at: number): readonly (Assignment | null)[] | null {
    this.#goOn(this.#frames.length - 1);
    const frame = this.#frames.findLast((other) => other.at === at);
    if (frame === undefined) return null;
    return frame.named.map((named) =>
      named === null ? null : { trackId: named.identity.id, velocity: named.velocity },
    );
  }

  setScene(scene: Scene): void {
    this.#scene = scene;
    const tracks = this.#before.tracks.flatMap((track) => onScene(track, scene, this.#footAt) ?? []);
    this.#before = { tracks, images: this.#before.images };
    for (const frame of this.#frames) frame.sightings = sightingsOf(frame.detections, scene, this.#picture);
    this.#upTo = 0;
    this.#goOn(this.#frames.length - 1);
    this.#view = null;
  }

  /**
   * Goes through the frames that are not up to date, at least to the one at `last`, and names the tracks as they were
   * named before. Where a track begins the frames after it may know its name, so all are gone through.
   */
  #goOn(last: number): void {
    if (last < this.#upTo) return;
    let memory = this.#frames[this.#upTo - 1]?.after ?? this.#before;
    const kept = new Set([...memory.tracks, ...memory.images].map(({ identity }) => identity));
    const renamed: RenamedFrame[] = [];
    let isUnnamed = false;
    for (const [i, frame] of this.#frames.entries()) {
      if (i < this.#upTo) continue;
      if (i > last && !isUnnamed) break;
      const earlier = frame.named.map((name) => name?.identity.id ?? 0);
      memory = this.#take(frame, memory);
      renamed.push({ earlier, now: frame.named });
      isUnnamed ||= frame.named.some((name) => name?.identity.id === 0);
    }
    this.#upTo += renamed.length;
    this.#nextId = nameAgain(renamed, kept, this.#nextId);
  }

  #take(frame: Frame, before: Memory): Memory {
    const { at, detections, sightings } = frame;
    const tracks = before.tracks.filter((track) => isRemembered(track, at));
    const matches = associate(sightings, tracks, at, this.#scene, this.#footAt);
    const named: (Named | null)[] = detections.map(() => null);
    const seen: TrackState[] = [];
    const replaced = new Set<TrackState>();
    for (const [i, sighting] of sightings.entries()) {
      const match = matches[i] ?? null;
      if (match === null && sighting.confidence < this.#options.birthConfidence) continue;
      const track =
        match === null
          ? born(sighting, at, this.#scene, this.#footAt)
          : continued(match.track, match.way, match.seen, sighting, at);
      if (match !== null) replaced.add(match.track);
      named[sighting.index] = { identity: track.identity, velocity: imageVelocity(track) };
      seen.push(track);
    }
    const onRoad = new Set(sightings.map(({ index }) => index));
    const others = [...detections.keys()].filter(
      (index) => !onRoad.has(index) && isFollowed(detections, index, this.#footAt),
    );
    const images = followInImage(before.images, detections, others, at, (index, identity) => {
      named[index] = { identity, velocity: null };
    });
    const unseen = tracks.filter((track) => !replaced.has(track)).toSorted((a, b) => b.seenAt - a.seenAt);
    frame.named = named;
    frame.after = { tracks: [...seen, ...unseen].slice(0, this.#options.maxTracks), images };
    return frame.after;
  }

  #forget(): void {
    const since = (this.#newestAt ?? 0) - LOOK_BACK_SECONDS * 1_000;
    const first = this.#frames.findIndex(({ at }) => at >= since);
    const dropped = Math.max(first, this.#frames.length - MOST_FRAMES, 0);
    if (dropped === 0) return;
    this.#goOn(dropped - 1);
    this.#before = this.#frames[dropped - 1]?.after ?? this.#before;
    this.#frames.splice(0, dropped);
    this.#upTo -= dropped;
  }
}

/** Fixtures, and road users beyond the horizon; not the second boxes of one object. */
function isFollowed(detections: readonly TrackedDetection[], index: number, footAt: FootAt): boolean {
  const box = detections[index]?.bbox;
  const name = detections[index]?.class;
  return name === 'traffic light' || name === 'stop sign' || (box !== undefined && footAt(box) === null);
}

/** px/s of the middle of the box, over about half a second. */
function imageVelocity(track: TrackState): readonly [number, number] | null {
  const last = newest(track);
  const before =
    track.moments.findLast(({ at }) => last.at - at >= 400) ?? track.moments.find(({ at }) => last.at - at >= 50);
  if (before === undefined) return null;
  const seconds = (last.at - before.at) / 1_000;
  const [a, b] = [before.box, last.box];
  return [(b[0] + b[2] - a[0] - a[2]) / 2 / seconds, (b[1] + b[3] - a[1] - a[3]) / 2 / seconds];
}

export function createRoadTracker(scene: Scene, options: RoadTrackerOptions = {}): RoadTracker {
  return new Tracker(scene, options);
}
