import type { EventThresholdChanges } from '../messages/event-thresholds.ts';
import type { Release, ReleaseChanges } from '../messages/release.ts';
import type { ReleaseMark } from '../messages/release-mark.ts';
import type { InForce } from './releases.types.ts';
import { wayOfCamera } from './way-of.ts';

/** How a camera judges its pictures; detectors by their names, null for the one that the process began with. */
export interface CameraChoice {
  readonly thresholds: EventThresholdChanges;
  readonly detector: string | null;
  /** Null while no release shares detectors or thresholds among the cameras. */
  readonly mark: ReleaseMark | null;
  readonly shadow: ShadowChoice | null;
}

export interface ShadowChoice {
  readonly releaseId: string;
  readonly thresholds: EventThresholdChanges;
  /** Null: the candidate has the detector of the present way. */
  readonly detector: string | null;
  /** This camera's part of the release's budget. */
  readonly picturesPerMinute: number;
  /** 0 to 1, spread evenly over the cameras of the shadow. */
  readonly phase: number;
}

export interface CameraChoiceOptions {
  readonly now: InForce;
  readonly cameraId: string;
  /** The camera's own. */
  readonly thresholds: EventThresholdChanges | undefined;
  /** The detector is at hand. Until it is, and where it can't be had, the camera goes on as before. */
  readonly isUsable: (detector: string) => boolean;
}

/** The changes of the releases in force, as far as cameras are concerned by them. */
export function cameraChoice({ now, cameraId, thresholds, isUsable }: CameraChoiceOptions): CameraChoice {
  const present = judgedBy(now.present, { thresholds: thresholds ?? {}, detector: null }, isUsable);
  const running = now.running;
  if (running === null || !concernsCameras(running)) return { ...present, mark: null, shadow: null };
  const { changes, releaseId, mode, budget, cameras } = running;
  if (changes.detector !== undefined && !isUsable(changes.detector)) return { ...present, mark: null, shadow: null };
  const way = wayOfCamera(running, cameraId);
  const candidate = judgedBy(changes, present, isUsable);
  if (mode === 'share')
    return { ...(way === 'candidate' ? candidate : present), mark: { releaseId, way }, shadow: null };
  if (way === 'present') return { ...present, mark: null, shadow: null };
  const count = Math.max(1, cameras.in.length);
  const shadow: ShadowChoice = {
    releaseId,
    thresholds: candidate.thresholds,
    detector: candidate.detector === present.detector ? null : candidate.detector,
    picturesPerMinute: budget.picturesPerMinute / count,
    phase: Math.max(0, cameras.in.indexOf(cameraId)) / count,
  };
  return { ...present, mark: null, shadow };
}

/** Names of the detectors that the releases in force need, each once. */
export const detectorsWanted = ({ present, running }: InForce): readonly string[] => [
  ...new Set(
    [present.detector, running?.changes.detector].flatMap((detector) => (detector === undefined ? [] : [detector])),
  ),
];

/** Detector and thresholds are shared by camera only. */
const concernsCameras = ({ by, changes }: Release): boolean =>
  by === 'camera' && (changes.detector !== undefined || changes.thresholds !== undefined);

type Judged = Pick<CameraChoice, 'thresholds' | 'detector'>;

function judgedBy(
  { thresholds, detector }: ReleaseChanges,
  below: Judged,
  isUsable: (name: string) => boolean,
): Judged {
  return {
    thresholds: thresholdsOver(below.thresholds, thresholds ?? {}),
    detector: detector !== undefined && isUsable(detector) ? detector : below.detector,
  };
}

/** Field by field: `over` wins. */
function thresholdsOver(below: EventThresholdChanges, over: EventThresholdChanges): EventThresholdChanges {
  const kinds = new Set([...Object.keys(below), ...Object.keys(over)]) as Set<keyof EventThresholdChanges>;
  return Object.fromEntries([...kinds].map((kind) => [kind, { ...below[kind], ...over[kind] }]));
}
