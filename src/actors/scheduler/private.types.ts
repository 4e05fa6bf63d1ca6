import type { Delivery, QueueLag } from '../../infra/bus.ts';
import type { AssessmentResult } from '../../messages/assessment.ts';
import type { AssessmentTask, Priority } from '../../messages/task.ts';

/** Messages of the scheduler to itself. */
export type Private =
  | {
      readonly type: 'fetched';
      readonly priority: Priority;
      readonly deliveries: readonly Delivery<AssessmentTask>[];
      readonly begunAt: number;
    }
  | { readonly type: 'fetch-failed'; readonly priority: Priority; readonly error: Error }
  | { readonly type: 'finished'; readonly taskId: string; readonly result: AssessmentResult | null }
  | { readonly type: 'pump' }
  | { readonly type: 'measure' }
  | { readonly type: 'measured'; readonly lag: ReadonlyMap<Priority, QueueLag | null> };
