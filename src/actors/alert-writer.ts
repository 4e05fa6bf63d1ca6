import { AlertHistory } from '../infra/alert-history.ts';
import type { Bus } from '../infra/bus.ts';
import { InfraError } from '../infra/infra-error.ts';
import { ALERTS_KEPT, type RedisStore } from '../infra/redis/store.ts';
import { Stage } from '../infra/stage.ts';
import { DONE, type Handle } from '../infra/stage-processor.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { consumers, streams } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { sleep } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';

/** Redis is connected (again): it may lack alerts that it had. */
type Private = { type: 'compare' };

export interface AlertWriterInit {
  readonly bus: Bus;
  readonly redis: Pick<RedisStore, 'keepAlert' | 'alerts' | 'onConnected'>;
}

const RETRY_MS = 500;
/** Newest messages of the history that are compared with Redis. */
const COMPARED = 2_000;
const COMPARE_AGAIN_MS = 5_000;
const FLUSH_MS = 1_000;

/**
 * Writes alerts to Redis, one after the other; each stays in NATS until Redis has it. Whenever Redis is connected, the
 * newest alerts of the history are compared with its lists: a Redis that lost its last second, or everything, gets them
 * again.
 */
export const alertWriterActor = defineActor<never, Private>()<AlertWriterInit>({
  kind: 'alert-writer',
  mailbox: { capacity: 4, overflow: 'drop-oldest' },
  start: (ctx, { bus, redis }) => {
    const counts = { written: 0, restored: 0, refused: 0 };
    const history = new AlertHistory(bus);
    let down = false;

    /** Waits until Redis has it; false when it never will. Rejects at the stop. */
    const write = async (alert: Aggregate): Promise<boolean> => {
      for (;;) {
        try {
          await redis.keepAlert(alert);
          if (down) ctx.log.info({}, 'Redis takes alerts again');
          down = false;
          return true;
        } catch (thrown) {
          const { cameraId, requestId } = alert;
          const { message } = asError(thrown);
          if (thrown instanceof InfraError && thrown.code === 'REDIS_REFUSED') {
            counts.refused += 1;
            ctx.log.error(
              { cameraId, requestId, err: message },
              `an alert of camera ${cameraId} cannot be written: ${message}; ` +
                "another program uses Gantry's keys in this Redis",
            );
            return false;
          }
          if (!down) ctx.log.warn({ cameraId, err: message }, `alerts wait in NATS for Redis: ${message}`);
          down = true;
          await sleep(ctx.clock, RETRY_MS, ctx.signal);
        }
      }
    };

    const handle: Handle<Aggregate> = async ({ body }) => {
      if (!(await write(body)))
        return { kind: 'dead-letter', reason: 'Redis holds something else under the key of its alerts' };
      counts.written += 1;
      return DONE;
    };

    const compare = async (): Promise<void> => {
      const byCamera = Map.groupBy(await history.recent(COMPARED), ({ cameraId }) => cameraId);
      for (const [cameraId, alerts] of byCamera) {
        const kept = await redis.alerts(cameraId, ALERTS_KEPT);
        const revisions = new Map(kept.map(({ requestId, revision }) => [requestId, revision]));
        const missing = alerts
          .slice(0, ALERTS_KEPT)
          .filter(({ requestId, revision }) => (revisions.get(requestId) ?? -1) < revision);
        for (const alert of missing) if (await write(alert)) counts.restored += 1;
      }
    };

    const stage = new Stage({
      ctx,
      bus,
      stream: streams.alerts,
      durable: consumers.alertWriter,
      parser: Aggregate,
      inFlight: 1,
      handle,
      onSettled: () => ctx.report({ ...counts, away: down }),
    });
    const unfollow = redis.onConnected(() => void ctx.self.tell({ type: 'compare' }));
    ctx.self.tell({ type: 'compare' });

    return {
      handlers: {
        compare: async () => {
          try {
            await compare();
          } catch (thrown) {
            if (ctx.signal.aborted) return;
            const err = asError(thrown).message;
            ctx.log.info({ err }, `the alerts in Redis are compared with the history later: ${err}`);
            ctx.setTimer('compare', COMPARE_AGAIN_MS, { type: 'compare' });
          }
          ctx.report({ ...counts, away: down });
        },
      },
      stop: async () => {
        unfollow();
        await stage.stop(FLUSH_MS);
      },
    };
  },
});
