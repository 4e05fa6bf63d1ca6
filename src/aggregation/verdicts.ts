import { type GroupAssessment, isDangerous } from '../messages/assessment.ts';
import type { DetectedObject, PublishedGroup } from '../messages/detection.ts';
import { type CameraId, groupKey } from '../messages/ids.ts';
import type { FreshnessSettings } from '../tasks/freshness.ts';
import { stillAnswered } from '../tasks/recheck.ts';

/** The model's answer about one group. */
export interface Verdict {
  /** Time of the assessed frame, epoch ms. */
  readonly at: number;
  readonly assessment: GroupAssessment;
  /** Track ids of the group's members in that frame, and of the objects that caused the level. */
  readonly members: ReadonlySet<number>;
  readonly triggers: readonly number[];
}

/** A frame's objects, by position. */
type Objects = readonly Pick<DetectedObject, 'trackId'>[];

/** @param assessment names its objects by their position in `objects` */
export const verdictOf = (
  assessment: GroupAssessment,
  group: Pick<PublishedGroup, 'memberIndices'>,
  objects: Objects,
  at: number,
): Verdict => ({
  at,
  assessment: { ...assessment, assessedAt: new Date(at).toISOString() },
  members: new Set(tracksOf(group.memberIndices, objects)),
  triggers: tracksOf(assessment.triggerObjectIds, objects),
});

/** The verdict as an assessment of the same group in a later frame, naming the objects by their positions there. */
export function carriedTo(
  { assessment, triggers }: Verdict,
  group: Pick<PublishedGroup, 'groupIndex' | 'memberIndices'>,
  objects: Objects,
): GroupAssessment {
  const causes = new Set(triggers);
  const triggerObjectIds = group.memberIndices.filter((index) => causes.has(objects[index]?.trackId ?? -1));
  const { reply: _, ...shown } = assessment;
  return { ...shown, groupIndex: group.groupIndex, triggerObjectIds, source: 'vlm', carried: true };
}

/**
 * Whether the verdict is shown on a later frame of its group. A danger always is, until a newer answer. All others
 * until a member joined or `verdictMs` passed; but no call is spent on a group in which nothing changes, so its verdict
 * stands until the group is asked about again. Pure.
 *
 * @param frameAt time of the later frame, epoch ms
 */
export function holds(
  verdict: Verdict,
  group: Pick<PublishedGroup, 'memberIndices' | 'unchangedSince'>,
  objects: Objects,
  frameAt: number,
  { verdictMs, recheckMs }: FreshnessSettings,
): boolean {
  if (verdict.at > frameAt) return false;
  if (isDangerous(verdict.assessment.riskLevel) || stillAnswered(group, verdict.at, frameAt, recheckMs)) return true;
  return (
    frameAt - verdict.at <= verdictMs &&
    tracksOf(group.memberIndices, objects).every((track) => verdict.members.has(track))
  );
}

const tracksOf = (indices: readonly number[], objects: Objects): number[] =>
  indices.flatMap((index) => objects[index]?.trackId ?? []);

export interface VerdictsOptions {
  /** Most groups remembered; at the bound the one unseen for longest is forgotten. */
  readonly most: number;
  /** A group that no frame has had for this long is gone, in ms. */
  readonly goneMs: number;
}

interface Remembered {
  readonly verdict: Verdict;
  readonly seenAt: number;
}

/** The model's last answer about each group of each camera. Every call takes the time (epoch ms). */
export class Verdicts {
  readonly #options: VerdictsOptions;
  /** By camera and group, the one unseen for longest first. */
  readonly #groups = new Map<string, Remembered>();
  #dropped = 0;

  constructor(options: VerdictsOptions) {
    this.#options = options;
  }

  /** Groups remembered. */
  get size(): number {
    return this.#groups.size;
  }

  /** Verdicts forgotten at the bound. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Keeps the verdict unless a newer one is known. */
  learn(cameraId: CameraId, groupId: string, verdict: Verdict, now: number): void {
    const key = groupKey(cameraId, groupId);
    const known = this.#groups.get(key);
    this.#see(key, known === undefined || known.verdict.at < verdict.at ? verdict : known.verdict, now);
    const [oldest] = this.#groups.keys();
    if (this.#groups.size <= this.#options.most || oldest === undefined) return;
    this.#groups.delete(oldest);
    this.#dropped += 1;
  }

  /** The newest verdict about a group, null when there is none. */
  of(cameraId: CameraId, groupId: string): Verdict | null {
    return this.#groups.get(groupKey(cameraId, groupId))?.verdict ?? null;
  }

  /** A frame has this group. */
  seen(cameraId: CameraId, groupId: string, now: number): void {
    const key = groupKey(cameraId, groupId);
    const known = this.#groups.get(key);
    if (known !== undefined) this.#see(key, known.verdict, now);
  }

  /** Forgets groups that are gone. */
  expire(now: number): void {
    for (const [key, { seenAt }] of this.#groups) {
      if (now - seenAt < this.#options.goneMs) return;
      this.#groups.delete(key);
    }
  }

  #see(key: string, verdict: Verdict, now: number): void {
    this.#groups.delete(key);
    this.#groups.set(key, { verdict, seenAt: now });
  }
}
