import type { Delivery, QueueLag } from '../../infra/bus.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import type { AssessmentTask, Priority } from '../../messages/task.ts';
import type { Queue } from './task-queues.ts';

/** Messages of the scheduler to itself. */
export type Private =
  | {
      readonly type: 'fetched';
      readonly queue: Queue;
      readonly deliveries: readonly Delivery<AssessmentTask>[];
      readonly begunAt: number;
    }
  | { readonly type: 'fetch-failed'; readonly queue: Queue; readonly error: Error }
  | { readonly type: 'finished'; readonly taskId: string; readonly result: AssessmentResult | null }
  | { readonly type: 'pump' }
  | { readonly type: 'tell-others' }
  | { readonly type: 'measure' }
  | { readonly type: 'measured'; readonly lag: ReadonlyMap<Priority, QueueLag | null> };
