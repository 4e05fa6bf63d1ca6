import type { PublishedGroup } from '../messages/detection.ts';
import type { FreshnessSettings } from '../tasks/freshness.ts';
import { stillAnswered } from '../tasks/recheck.ts';
import type { GroupSlot } from './group-slot.ts';
import type { Frame } from './joined-frame.ts';
import { holds, verdictOf, Verdicts } from './verdicts.ts';

/** A camera names a group that it has not seen for longer anew, unless frames are late. */
const GONE_MS = 60_000;

/** The model's verdicts about groups, from frame to frame. Every call takes the time (epoch ms). */
export class GroupVerdicts {
  readonly #verdicts: Verdicts;

  /** @param most groups of which the model's last answer is kept */
  constructor(most: number) {
    this.#verdicts = new Verdicts({ most, goneMs: GONE_MS });
  }

  get size(): number {
    return this.#verdicts.size;
  }

  get dropped(): number {
    return this.#verdicts.dropped;
  }

  /** A new frame has this group. Returns whether the model's last answer still holds, see {@link stillAnswered}. */
  isAnswered({ live, at, facts }: Frame, group: PublishedGroup, recheckMs: number, now: number): boolean {
    if (!live) return false;
    this.#verdicts.seen(facts.cameraId, group.groupId, now);
    const verdict = this.#verdicts.of(facts.cameraId, group.groupId);
    return verdict !== null && verdict.at <= at && stillAnswered(group, verdict.at, at, recheckMs);
  }

  /** Keeps the model's answer about a group for its later frames. */
  remember({ live, at, facts }: Frame, { group, model, carried }: GroupSlot, now: number): void {
    if (!live) return;
    const { cameraId, detectedObjects } = facts;
    // Restored as carried: its frame is not known, and this one's members are among those that it was about.
    const assessment = model ?? carried;
    if (assessment === null || assessment.riskLevel === 'unknown') return;
    const assessedAt = model === null ? Date.parse(carried?.assessedAt ?? '') : at;
    if (!Number.isFinite(assessedAt)) return;
    this.#verdicts.learn(cameraId, group.groupId, verdictOf(assessment, group, detectedObjects, assessedAt), now);
  }

  /** Shows the group's verdict on a frame about which the model has not answered. */
  carry(frame: Frame, slot: GroupSlot, freshness: FreshnessSettings): void {
    if (!frame.live || (slot.model !== null && slot.model.riskLevel !== 'unknown')) return;
    const { cameraId, detectedObjects } = frame.facts;
    const verdict = this.#verdicts.of(cameraId, slot.group.groupId);
    if (verdict === null || verdict.at > frame.at) return;
    slot.carry(verdict, holds(verdict, slot.group, detectedObjects, frame.at, freshness), detectedObjects);
  }

  expire(now: number): void {
    this.#verdicts.expire(now);
  }
}
