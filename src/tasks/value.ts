import { isDangerous } from '../messages/assessment.ts';
import type { AssessmentTask } from '../messages/task.ts';

/**
 * A danger that looks as before begins, or ends, unseen about once in this time, in ms. Shorter, the calls of a scarce
 * budget go round the same suspicious groups again and again.
 */
const CHANGE_MS = 20_000;
/** Chance that a danger is over which was confirmed a while ago, and which nothing hints at any more. */
const OVER = 0.3;
/** No group is quite worthless to ask about. */
const LEAST = 0.01;

/**
 * How much a call about this task is worth, from 0 to 1: the chance that its answer differs from the verdict on the
 * screen. The part of the prior above the last answer counts in full; the rest comes back with the time since then.
 * Pure.
 *
 * @param now epoch ms
 */
export function valueOf({ prior, lastAssessed }: Pick<AssessmentTask, 'prior' | 'lastAssessed'>, now: number): number {
  const hinted = Math.max(LEAST, prior?.value ?? 0);
  if (lastAssessed === undefined) return hinted;
  const changed = 1 - Math.exp(-Math.max(0, now - Date.parse(lastAssessed.at)) / CHANGE_MS);
  if (isDangerous(lastAssessed.level)) return changed * Math.max(hinted, OVER);
  const news = Math.max(0, hinted - lastAssessed.prior);
  return Math.min(1, news + (hinted - news) * changed);
}
