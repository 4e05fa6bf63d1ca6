import type { LeaseReply, LeaseRequest } from '../../keys/pool.types.ts';
import type { CallTokens } from '../../keys/tokens.ts';
import type { Answer } from '../../llm/answer.ts';
import type { Picture } from '../../llm/picture.ts';
import type { VersionedPrompt } from '../../llm/prompt.ts';
import type { AssessmentFailure } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { JudgingWay } from './judging-ways.ts';
import type { ResultMetadata } from './result.ts';
import type { FailedAttempt } from './retry.ts';

/** One way to judge, and its prompt about the task. */
export interface Judging {
  readonly way: JudgingWay;
  readonly prompt: VersionedPrompt;
  /** Bound of a call's tokens. */
  readonly tokens: CallTokens;
}

/** The state of one assessment, which its steps add to. */
export interface AssessmentState {
  readonly task: AssessmentTask;
  /** Epoch ms. */
  readonly deadline: number;
  /** The way that judges it now. Looked up before each lease: one that no longer counts is not begun. */
  judging: Judging;
  /** A key was asked for: the way has judged the task, or failed to. */
  asked: boolean;
  /** Reads the group's pictures, once; null when that of the task is gone. */
  readonly pictures: () => Promise<readonly Picture[] | null>;
  /** Asks for a key under an id of its own. */
  readonly askLease: (request: Pick<LeaseRequest, 'priority' | 'exclude' | 'deadline'>) => Promise<LeaseReply>;
  readonly failed: FailedAttempt[];
  /** Names of keys that are not tried again. */
  readonly exclude: Set<string>;
  metadata: ResultMetadata;
}

/** How an assessment ends. */
export type End =
  | { readonly kind: 'answered'; readonly answer: Answer; readonly reply?: string | undefined }
  /** The model could not be had: rules stand in for it. */
  | { readonly kind: 'unanswered'; readonly error: AssessmentFailure }
  /** No call was made, on purpose: rules assess. */
  | { readonly kind: 'not-asked'; readonly reason: 'budget' | 'superseded' }
  /** No key is meant to be used: rules assess as a matter of course. */
  | { readonly kind: 'no-keys' }
  /** The scheduler stops, and the task goes back to the bus. */
  | { readonly kind: 'handed-back' };
