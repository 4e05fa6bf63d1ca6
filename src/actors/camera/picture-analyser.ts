import { MOST } from '../../messages/bounds.ts';
import type { CountedBin } from '../../messages/counted-bin.ts';
import type { DetectedObject, TrafficGroup } from '../../messages/detection.ts';
import type { MeasuredIncident } from '../../messages/incident.ts';
import type { Assignment, RoadTrack, TrackedDetection } from '../../tracking/tracking.types.ts';
import { displayOf, type Frame, type FrameSize } from '../../vision/frame.ts';
import { createGroupIdentity, type GroupIdentity } from '../../vision/group-identity.ts';
import { createGroupStillness, type GroupStillness } from '../../vision/group-stillness.ts';
import { type FrameGroup, groupObjects } from '../../vision/grouping.ts';
import { MotionGate } from '../../vision/motion-gate.ts';
import { round } from '../../vision/round.ts';
import type { Detector, NativeGuard, RawDetection } from '../../vision/vision.types.ts';
import type { BurstWish, WatchedIncident } from '../../watch/watch.types.ts';
import type { SceneSettings } from './camera.types.ts';
import { rounded, within, withAppearance } from './sightings.ts';
import { type PictureWatch, watchPictures, type WatchPicturesOptions } from '../../watch/watch-pictures.ts';

export interface PictureAnalyserOptions extends SceneSettings {
  readonly detector: Detector;
  /** Ends the names of groups and begins those of incidents, so that those of another run are others. */
  readonly run: string;
  /** Begins the names of incidents, before `run`. */
  readonly cameraId: string;
  /**
   * A picture in which nothing moved since the detector's last one has that one's detections; after so many seconds the
   * detector looks again. Default 0: it sees every picture.
   */
  readonly stillSeconds?: number;
  /** Least of the detector, 0..1. Default 0.35. */
  readonly confidence?: number;
  /** Pictures a second of look-backs that the camera may wish for, on average. Default 0: none. */
  readonly burstFps?: number;
  /** Told a sentence when the scene can't be used as it is. Default: not told. */
  readonly onProblem?: (problem: string) => void;
  /** Default: {@link watchPictures}. */
  readonly watch?: (options: WatchPicturesOptions) => PictureWatch;
}

/** An incident as the frame has it; its crop is the publisher's to name. */
export type FrameIncident = Omit<MeasuredIncident, 'cropId' | 'earlier'>;

export interface FrameAnalysis {
  readonly objects: DetectedObject[];
  readonly groups: TrafficGroup[];
  /** Those that are open, and those that closed with the last picture. */
  readonly incidents: FrameIncident[];
}

export interface PictureOutcome {
  /** All that the detector saw in this picture, also without a track. */
  readonly sightings: readonly TrackedDetection[];
  /** Those of them that have a track. */
  readonly objects: number;
  /** Of the newest picture analysed so far. */
  readonly newest: FrameAnalysis;
  /** It is this picture. */
  readonly isNewest: boolean;
  /** An incident was opened, closed, merged or became more severe. */
  readonly changed: boolean;
  readonly burst: BurstWish | null;
  /** Minutes of counts that are finished; most often none. */
  readonly counts: readonly CountedBin[];
}

/** Of the pictures of one size. */
interface Memory {
  readonly display: FrameSize;
  readonly watch: PictureWatch;
  readonly identity: GroupIdentity;
  readonly stillness: GroupStillness;
}

/** The parts of a frame that later pictures don't change. */
interface Seen {
  readonly at: number;
  readonly objects: DetectedObject[];
  readonly groups: TrafficGroup[];
}

/**
 * Detection, tracking, grouping and the events of one camera, with its memory of earlier pictures. Those of another
 * size begin a memory of their own: positions in them are others.
 */
export class PictureAnalyser {
  readonly #options: PictureAnalyserOptions;
  readonly #gate: MotionGate;
  #settings: SceneSettings;
  #memory: Memory | null = null;
  #memories = 0;
  #detections: readonly RawDetection[] = [];
  #newest: Seen | null = null;
  #stillFrames = 0;
  /** The name of the detector that saw the last picture: a release may bring another one. */
  #seenBy: string | null = null;
  /** Of the pictures of an earlier size. */
  #earlierCounts: readonly CountedBin[] = [];

  /** The caller keeps the detector, and releases it. */
  constructor(options: PictureAnalyserOptions) {
    this.#options = options;
    this.#gate = new MotionGate(options.stillSeconds ?? 0);
    this.#settings = { scene: options.scene, thresholds: options.thresholds };
  }

  /** Pictures that the detector was spared, as nothing moved in them. */
  get stillFrames(): number {
    return this.#stillFrames;
  }

  /** Tracks and incidents go on. */
  setScene(settings: SceneSettings): void {
    this.#settings = settings;
    this.#memory?.watch.setScene(settings);
  }

  /**
   * `at` is when the picture was taken, epoch ms; one call at a time. Pictures come in order, but those of look-backs
   * (`burst`) may lie before the newest. Coordinates are in px of the frame's display size, rounded to 0.1, confidences
   * to 4 decimals. Rejects as `Detector.detect` does.
   */
  async analyse(frame: Frame, at: number, burst: boolean, native: NativeGuard): Promise<PictureOutcome> {
    const memory = this.#memoryFor(displayOf(frame));
    const isLater = this.#newest === null || at > this.#newest.at;
    const raw = isLater ? await this.#look(frame, at, native) : await this.#detect(frame, native);
    const detections = raw.map((detection) => withAppearance(frame, detection));
    const observed = memory.watch.observe({ at, detections, burst });
    const { assignments, incidents, changed, tracks, burst: wish } = observed;
    // A picture of a look-back that the watch had already is not assigned to anything.
    const isNewest = isLater && !(burst && raw.length > 0 && assignments.every((assignment) => assignment === null));
    if (isNewest) this.#newest = { at, ...this.#group(memory, frame, at, objectsOf(raw, assignments)) };
    const { objects, groups } = this.#newest ?? { objects: [], groups: [] };
    const newest = {
      objects,
      groups,
      incidents: withFewTrajectories(incidents.slice(0, MOST.incidents)).map((incident, index) =>
        framed(incident, groups.length + index + 1, objects, tracks, memory.display),
      ),
    };
    const counts = [...this.#earlierCounts, ...observed.counts];
    this.#earlierCounts = [];
    const tracked = assignments.filter((assignment) => assignment !== null).length;
    return { sightings: detections, objects: tracked, newest, isNewest, changed, burst: wish, counts };
  }

  /** The counts of minutes that are not finished, at the end. */
  finish(): readonly CountedBin[] {
    return [...this.#earlierCounts, ...(this.#memory?.watch.finish() ?? [])];
  }

  async #look(frame: Frame, at: number, native: NativeGuard): Promise<readonly RawDetection[]> {
    const { modelType } = this.#options.detector;
    if (modelType === this.#seenBy && this.#gate.isStill(frame, at)) {
      this.#stillFrames += 1;
      return this.#detections;
    }
    this.#detections = await this.#detect(frame, native);
    this.#gate.saw(frame, at);
    this.#seenBy = modelType;
    return this.#detections;
  }

  async #detect(frame: Frame, native: NativeGuard): Promise<readonly RawDetection[]> {
    return (await this.#options.detector.detect(frame, native)).flatMap(rounded);
  }

  #group(
    { identity, stillness, display }: Memory,
    frame: Frame,
    at: number,
    objects: DetectedObject[],
  ): Omit<Seen, 'at'> {
    const membersOf = (group: FrameGroup): DetectedObject[] =>
      group.memberIndices.flatMap((index) => objects[index] ?? []);
    const tracksOf = (group: FrameGroup): number[] => membersOf(group).map(({ trackId }) => trackId);
    const named = identity.name(groupObjects(objects, display.width), tracksOf, at);
    const since = stillness.since(
      named.map((group) => ({ groupId: group.groupId, bbox: group.bbox, members: membersOf(group) })),
      frame,
      at,
    );
    return { objects, groups: named.map((group, i) => unchanged(group, since[i] ?? null)) };
  }

  #memoryFor(display: FrameSize): Memory {
    const known = this.#memory;
    if (known !== null && known.display.width === display.width && known.display.height === display.height)
      return known;
    const {
      cameraId,
      run,
      confidence = 0.35,
      burstFps = 0,
      onProblem = () => undefined,
      watch = watchPictures,
    } = this.#options;
    // Names of tracks begin anew with each watch: names that are made of them must not.
    const suffix = this.#memories === 0 ? run : `${run}${this.#memories.toString(36)}`;
    this.#memories += 1;
    this.#newest = null;
    this.#earlierCounts = this.finish();
    this.#memory = {
      display,
      watch: watch({
        ...this.#settings,
        picture: display,
        idPrefix: `${cameraId}-${suffix}-`,
        confidence,
        burstFps,
        onProblem,
      }),
      identity: createGroupIdentity({ suffix: `-${suffix}` }),
      stillness: createGroupStillness(),
    };
    return this.#memory;
  }
}

/** Those that have a track: a weak detection that continues none is no object. */
function objectsOf(raw: readonly RawDetection[], assignments: readonly (Assignment | null)[]): DetectedObject[] {
  const tracked = raw.flatMap((detection, index) => {
    const assignment = assignments[index] ?? null;
    return assignment === null ? [] : [{ detection, assignment }];
  });
  return tracked.map(({ detection, assignment: { trackId, velocity } }, objectId) => ({
    objectId,
    trackId,
    ...detection,
    velocity: velocity === null ? null : [round(velocity[0], 1), round(velocity[1], 1)],
  }));
}

/** Incidents of a frame whose trajectories are told: more would make the message too large. */
const MOST_WITH_TRAJECTORIES = 20;

function withFewTrajectories(incidents: readonly WatchedIncident[]): WatchedIncident[] {
  const told = new Set(
    incidents.filter(({ trajectories }) => trajectories !== undefined).slice(0, MOST_WITH_TRAJECTORIES),
  );
  return incidents.map((incident) => {
    const { trajectories: _, ...rest } = incident;
    return told.has(incident) ? incident : rest;
  });
}

/** The incident with its members among the objects of the frame. */
function framed(
  incident: WatchedIncident,
  subjectIndex: number,
  objects: readonly DetectedObject[],
  tracks: readonly RoadTrack[],
  display: FrameSize,
): FrameIncident {
  const members = new Set(incident.trackIds);
  return {
    ...incident,
    objects: objects.filter(({ trackId }) => members.has(trackId)).map(({ objectId }) => objectId),
    bbox: within(incident.bbox, display),
    subjectIndex,
    speedsKmh: incident.trackIds.map((trackId) => speedKmh(tracks.find((track) => track.trackId === trackId))),
  };
}

function speedKmh(track: RoadTrack | undefined): number | null {
  const last = track?.history.at(-1);
  return last === undefined ? null : round(Math.hypot(...last.velocity) * 3.6, 1);
}

const unchanged = (group: TrafficGroup, since: number | null): TrafficGroup =>
  since === null ? group : { ...group, unchangedSince: new Date(since).toISOString() };
