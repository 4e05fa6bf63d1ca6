import type { InferencePool } from '../inference/inference-pool.ts';
import type { MetricRecorder } from '../infra/metric-table.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Deferred } from '../runtime/message.ts';
import type { InferenceMessage } from './inference.types.ts';

export interface InferenceInit {
  /** Owned by the actor: closed when it stops. */
  readonly pool: InferencePool;
}

/** Detectors that the cameras of this process share. Loaded with the first camera. */
export const inferenceActor = defineActor<InferenceMessage>()<InferenceInit>({
  kind: 'inference',
  mailbox: { capacity: 512, overflow: 'refuse' },
  start: (ctx, { pool }) => {
    const counts = { pictures: 0, failed: 0 };
    const report = (): void => {
      const metrics: MetricRecorder = ctx.metrics;
      metrics.set('queue_depth', pool.waiting, { queue: 'inference' });
      ctx.report({ ...counts, waiting: pool.waiting });
    };
    return {
      handlers: {
        describe: ({ model }) => deferred(ctx, pool.describe(model)),
        detect: ({ model, data, width, height, display }) => {
          const detections = pool.detect({ data, width, height, display }, model);
          counts.pictures += 1;
          report();
          return deferred(ctx, detections, () => {
            counts.failed += 1;
          });
        },
      },
      stop: () => pool.close(),
    };
  },
});

/** An answer that comes while the actor handles further messages. */
function deferred<T>(ctx: ActorContext<InferenceMessage>, work: Promise<T>, onFailed = (): void => {}): Deferred<T> {
  const answer = ctx.defer<T>();
  void work.then(
    (result) => answer.resolve(result),
    (thrown: unknown) => {
      onFailed();
      answer.reject(asError(thrown));
    },
  );
  return answer;
}
