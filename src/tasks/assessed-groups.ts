import { z } from 'zod';
import { AssessmentResult, RiskLevel } from '../messages/assessment.ts';
import { type CameraId, groupKey } from '../messages/ids.ts';
import type { LastAssessed } from '../messages/task.ts';

/** The parts of an answer that are remembered of it. */
export const GroupAnswer = AssessmentResult.pick({
  cameraId: true,
  requestId: true,
  groupId: true,
  frameTimestamp: true,
  prior: true,
  source: true,
  error: true,
}).extend({ results: z.array(z.object({ riskLevel: RiskLevel })).length(1) });
export type GroupAnswer = z.infer<typeof GroupAnswer>;

const MOST_GROUPS = 20_000;
/** A frame that far ahead of our clock tells a wrong time, in ms: its answer would hide all later ones. */
const MOST_AHEAD_MS = 60_000;

interface Entry {
  /** Time of the assessed frame, epoch ms. */
  readonly at: number;
  readonly level: RiskLevel;
  readonly prior: number;
}

/**
 * The model's last answer about each group of each camera, for a limited time and number; at the bound the longest
 * unanswered group is forgotten. Pure.
 */
export class AssessedGroups {
  readonly #most: number;
  /** The group answered last is the last one. */
  readonly #entries = new Map<string, Entry>();
  #lifeMs: number;

  /** @param lifeMs how long after its frame an answer is remembered */
  constructor(lifeMs: number, most = MOST_GROUPS) {
    this.#lifeMs = lifeMs;
    this.#most = most;
  }

  get size(): number {
    return this.#entries.size;
  }

  setLife(lifeMs: number): void {
    this.#lifeMs = lifeMs;
  }

  /** Remembers an answer of the model; ignores those of rules, failures, and answers about older frames. */
  note({ cameraId, groupId, frameTimestamp, prior = 0, source, error, results }: GroupAnswer, now: number): void {
    const [result] = results;
    if (source !== 'vlm' || error !== undefined || result === undefined) return;
    if (groupId === undefined || frameTimestamp === undefined) return;
    const at = Date.parse(frameTimestamp);
    const key = groupKey(cameraId, groupId);
    const known = this.#entries.get(key);
    if (now - at >= this.#lifeMs || at - now > MOST_AHEAD_MS || (known !== undefined && known.at > at)) return;
    this.#entries.delete(key);
    this.#entries.set(key, { at, level: result.riskLevel, prior });
    this.#forget(now);
  }

  /** Null when the model has not answered about the group, or too long ago. */
  of(cameraId: CameraId, groupId: string, now: number): LastAssessed | null {
    const entry = this.#entries.get(groupKey(cameraId, groupId));
    return entry === undefined || now - entry.at >= this.#lifeMs
      ? null
      : { at: new Date(entry.at).toISOString(), level: entry.level, prior: entry.prior };
  }

  /** Costs as much as it removes: the entries are nearly in the order of their frames. */
  #forget(now: number): void {
    for (const [key, { at }] of this.#entries) {
      if (this.#entries.size <= this.#most && now - at < this.#lifeMs) return;
      this.#entries.delete(key);
    }
  }
}
