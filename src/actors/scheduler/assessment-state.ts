import type { LeaseReply, LeaseRequest } from '../../keys/pool.types.ts';
import type { Answer } from '../../llm/answer.ts';
import type { Picture } from '../../llm/picture.ts';
import type { VersionedPrompt } from '../../llm/prompt.ts';
import type { AssessmentFailure } from '../../messages/assessment.ts';
import type { AssessmentTask } from '../../messages/task.ts';
import type { ResultMetadata } from './result.ts';
import type { FailedAttempt } from './retry.ts';

/** The state of one assessment, which its steps add to. */
export interface AssessmentState {
  readonly task: AssessmentTask;
  /** Epoch ms. */
  readonly deadline: number;
  readonly prompt: VersionedPrompt;
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
  | { readonly kind: 'answered'; readonly answer: Answer }
  /** The model could not be had: rules stand in for it. */
  | { readonly kind: 'unanswered'; readonly error: AssessmentFailure }
  /** No call was made, on purpose: rules assess. */
  | { readonly kind: 'not-asked'; readonly reason: 'budget' | 'superseded' }
  /** No key is meant to be used: rules assess as a matter of course. */
  | { readonly kind: 'no-keys' }
  /** The scheduler stops, and the task goes back to the bus. */
  | { readonly kind: 'handed-back' };
