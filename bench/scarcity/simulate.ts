/** Plays a world against limits under a policy, in steps of 20 ms: an hour of fifty cameras takes seconds. */
import type { LastAssessed, Prior } from '../../src/messages/task.ts';
import { priorityOf } from '../../src/tasks/explode.ts';
import { priorOf } from '../../src/tasks/prior.ts';
import { seededRandom } from '../../src/simulator/random.ts';
import type { Log, LoggedCall, LoggedVerdict } from './log.ts';
import { type KeyLimits, SlidingKeys } from './limits.ts';
import { WIDTH } from './scene.ts';
import type { Frame, TrueLevel } from './world.ts';

export const STEP_MS = 20;
export const FASTEST_ANSWER_MS = 800;
export const SLOWEST_ANSWER_MS = 1_500;
/** From the frame to its question in the scheduler, and from the answer to the viewer. */
export const DETECTED_MS = 40;
export const SHOWN_MS = 60;

/** A group of a frame, as a policy sees it. */
export interface Question {
  readonly camera: number;
  readonly groupId: string;
  /** Time of the frame. */
  readonly at: number;
  readonly prior: Prior;
  readonly lastAssessed?: LastAssessed;
  /** Level of the features, as `priorOf` is for; 1 to 5. */
  readonly priority: number;
}

/** Chooses the questions that are asked. */
export interface Policy {
  readonly name: string;
  arrive(question: Question, now: number): void;
  /** The next question to ask, which is given up unless `take` finds a call; null when none is worth one now. */
  next(now: number, take: () => boolean): Question | null;
}

interface Answer {
  readonly question: Question;
  readonly at: number;
  readonly truth: TrueLevel;
}

export interface SimulationOptions {
  readonly frames: readonly Frame[];
  readonly limits: KeyLimits;
  readonly seed: number;
}

export function simulate(policy: Policy, { frames, limits, seed }: SimulationOptions): Log {
  const random = seededRandom(seed);
  const keys = new SlidingKeys(limits);
  const last = new Map<string, LastAssessed>();
  const calls: LoggedCall[] = [];
  const verdicts: LoggedVerdict[] = [];
  let answers: Answer[] = [];
  const truths = new Map<Question, TrueLevel>();
  let index = 0;
  const end = (frames.at(-1)?.at ?? 0) + SLOWEST_ANSWER_MS;
  for (let now = 0; now <= end; now += STEP_MS) {
    for (let frame = frames[index]; frame !== undefined && frame.at + DETECTED_MS <= now; frame = frames[(index += 1)])
      for (const each of frame.groups) {
        const { groupId } = each.group;
        const known = last.get(groupId);
        const question: Question = {
          camera: frame.camera,
          groupId,
          at: frame.at,
          prior: priorOf(each.seen.features, WIDTH),
          ...(known === undefined ? {} : { lastAssessed: known }),
          priority: priorityOf(each.seen.features, WIDTH),
        };
        truths.set(question, each.truth);
        policy.arrive(question, now);
      }
    answers = answers.filter((answer) => {
      if (answer.at > now) return true;
      const { camera, groupId, at, prior } = answer.question;
      last.set(groupId, { at: new Date(at).toISOString(), level: answer.truth, prior: prior.value });
      verdicts.push({ camera, groupId, frameAt: at, seenAt: answer.at + SHOWN_MS, level: answer.truth });
      return false;
    });
    for (;;) {
      const asked = policy.next(now, () => keys.take(now));
      if (asked === null) break;
      const ms = FASTEST_ANSWER_MS + (SLOWEST_ANSWER_MS - FASTEST_ANSWER_MS) * random();
      calls.push({ camera: asked.camera, at: now });
      answers.push({ question: asked, at: now + ms, truth: truths.get(asked) ?? 'none' });
    }
  }
  const questions = frames.flatMap(({ camera, at, groups }) =>
    groups.map(({ group: { groupId }, truth }) => ({ camera, groupId, at, truth })),
  );
  return { questions, verdicts, calls };
}
