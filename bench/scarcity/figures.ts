/** Figures of a log: how old verdicts are, which dangers were seen in time, how evenly the calls went. */
import type { Log, LoggedQuestion, LoggedVerdict } from './log.ts';
import { isDanger, type TrueLevel } from './world.ts';

/** A verdict or danger counts as in time when it is on the screen so long after its frame. */
export const IN_TIME_MS = 2_500;

/** For so long a frame can still be asked about. */
const FRESH_MS = 2_000;

/** A stretch of frames in which a group was truly in danger. */
export interface Danger {
  readonly camera: number;
  readonly groupId: string;
  readonly level: TrueLevel;
  /** First and last of its frames. */
  readonly firstAt: number;
  readonly lastAt: number;
}

export interface Figures {
  /** Age of verdicts when first on a screen, ms. */
  readonly ages: readonly number[];
  readonly dangers: number;
  readonly dangersInTime: number;
  readonly highs: number;
  readonly highsInTime: number;
  readonly calls: number;
  /** Longest time that a camera with groups was not asked about, ms. */
  readonly longestUnaskedMs: number;
}

/** The dangers that began from `from` on. */
export function dangersOf(questions: readonly LoggedQuestion[], from: number): readonly Danger[] {
  const found: Danger[] = [];
  for (const [groupId, own] of Map.groupBy(questions, ({ groupId: id }) => id)) {
    let isOpen = false;
    for (const { camera, at, truth } of own) {
      const last = isOpen ? found.pop() : undefined;
      isOpen = isDanger(truth);
      if (isOpen) found.push({ camera, groupId, level: truth, firstAt: last?.firstAt ?? at, lastAt: at });
      else if (last !== undefined) found.push(last);
    }
  }
  return found.filter(({ firstAt }) => firstAt >= from);
}

/** Whether a screen shows the danger within `IN_TIME_MS` of its first frame. */
export const isInTime = (danger: Danger, verdicts: readonly LoggedVerdict[] | undefined): boolean =>
  verdicts?.some(
    ({ frameAt, seenAt, level }) =>
      isDanger(level) && frameAt >= danger.firstAt && frameAt <= danger.lastAt && seenAt <= danger.firstAt + IN_TIME_MS,
  ) === true;

/** Figures from `from` on, when the first minute's windows are behind. */
export function figuresOf({ questions, verdicts, calls }: Log, from: number): Figures {
  const byGroup = Map.groupBy(verdicts, ({ groupId }) => groupId);
  const dangers = dangersOf(questions, from);
  const inTime = dangers.filter((danger) => isInTime(danger, byGroup.get(danger.groupId)));
  const isHigh = ({ level }: Danger): boolean => level === 'high';
  return {
    ages: verdicts.filter(({ frameAt }) => frameAt >= from).map(({ frameAt, seenAt }) => seenAt - frameAt),
    dangers: dangers.length,
    dangersInTime: inTime.length,
    highs: dangers.filter(isHigh).length,
    highsInTime: inTime.filter(isHigh).length,
    calls: calls.filter(({ at }) => at >= from).length,
    longestUnaskedMs: longestUnasked({ questions, calls }),
  };
}

/**
 * The longest time since the last call about a camera at which it had a group and was again not asked about: no call
 * followed while the group's frame was fresh. A camera without groups cannot be asked about.
 */
function longestUnasked({ questions, calls }: Pick<Log, 'questions' | 'calls'>): number {
  let longest = 0;
  const callsOf = Map.groupBy(calls, ({ camera }) => camera);
  for (const [camera, own] of Map.groupBy(questions, (question) => question.camera)) {
    const times = (callsOf.get(camera) ?? []).map(({ at }) => at).toSorted((a, b) => a - b);
    let next = 0;
    let askedAt = own[0]?.at ?? 0;
    for (const { at } of own) {
      for (let time = times[next]; time !== undefined && time <= at; time = times[(next += 1)]) askedAt = time;
      if ((times[next] ?? Infinity) > at + FRESH_MS) longest = Math.max(longest, at - askedAt);
    }
  }
  return longest;
}
