import { AlertHistory } from '../infra/alert-history.ts';
import type { Bus, Delivery } from '../infra/bus.ts';
import { consume } from '../infra/consume.ts';
import { InfraError } from '../infra/infra-error.ts';
import { ALERTS_KEPT, type RedisStore } from '../infra/redis/store.ts';
import { Aggregate } from '../messages/aggregate.ts';
import { consumers, streams } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { sleep } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { address } from '../runtime/ref.ts';

/** Redis is there (again): it may lack alerts that it had. */
export type AlertWriterMessage = { type: 'compare' };
export const ALERT_WRITER = address<AlertWriterMessage>('/alert-writer');

export interface AlertWriterInit {
  readonly bus: Bus;
  readonly redis: Pick<RedisStore, 'keepAlert' | 'alerts' | 'onConnected'>;
}

const RETRY_MS = 500;
/** Alerts looked at when Redis may lack some. */
const COMPARED = 2_000;
const COMPARE_AGAIN_MS = 5_000;

/**
 * Writes alerts to Redis, one after the other; each stays in NATS until Redis has it. Whenever Redis comes (back), the
 * newest alerts of the history are compared with its lists: a Redis that lost its last second, or everything, has them again.
 */
export const alertWriterActor = defineActor<AlertWriterMessage>()<AlertWriterInit>({
  kind: 'alert-writer',
  mailbox: { capacity: 4, overflow: 'drop-oldest' },
  start: (ctx, { bus, redis }) => {
    const counts = { written: 0, restored: 0, refused: 0 };
    const history = new AlertHistory(bus);
    let away = false;

    /** Until Redis has it; false when it never will. Rejects at the abort. */
    const write = async (alert: Aggregate, held: Delivery<Aggregate> | null): Promise<boolean> => {
      for (;;) {
        try {
          await redis.keepAlert(alert);
          if (away) ctx.log.info({}, 'Redis takes alerts again');
          away = false;
          return true;
        } catch (thrown) {
          const { cameraId, requestId } = alert;
          const { message } = asError(thrown);
          if (thrown instanceof InfraError && thrown.code === 'REDIS_REFUSED') {
            counts.refused += 1;
            ctx.log.error(
              { cameraId, requestId, err: message },
              `an alert of camera ${cameraId} cannot be written: ${message}; another program uses Gantry's keys in this Redis`,
            );
            return false;
          }
          if (!away) ctx.log.warn({ cameraId, err: message }, `alerts wait in NATS for Redis: ${message}`);
          away = true;
          held?.working();
          await sleep(ctx.clock, RETRY_MS, ctx.signal);
        }
      }
    };

    const compare = async (): Promise<void> => {
      const byCamera = Map.groupBy(await history.recent(COMPARED), ({ cameraId }) => cameraId);
      for (const [cameraId, alerts] of byCamera) {
        const there = new Map(
          (await redis.alerts(cameraId, ALERTS_KEPT)).map(({ requestId, revision }) => [requestId, revision]),
        );
        const missing = alerts
          .slice(0, ALERTS_KEPT)
          .filter(({ requestId, revision }) => (there.get(requestId) ?? -1) < revision);
        for (const alert of missing) if (await write(alert, null)) counts.restored += 1;
      }
    };

    const take = async (delivery: Delivery<Aggregate>): Promise<void> => {
      if (await write(delivery.body, delivery)) {
        counts.written += 1;
        delivery.ack();
      } else await delivery.deadLetter('Redis holds something else under the key of its alerts');
      ctx.report({ ...counts, away });
    };
    const unfollow = redis.onConnected(() => void ctx.self.tell({ type: 'compare' }));
    ctx.self.tell({ type: 'compare' });
    consume({
      bus,
      stream: streams.alerts,
      durable: consumers.alertWriter,
      parser: Aggregate,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      batch: 16,
      take,
    }).catch((thrown: unknown) => ctx.fail(asError(thrown)));

    return {
      handlers: {
        compare: async () => {
          try {
            await compare();
          } catch (thrown) {
            if (ctx.signal.aborted) return;
            ctx.log.info(
              { err: asError(thrown).message },
              `the alerts in Redis are compared with the history later: ${asError(thrown).message}`,
            );
            ctx.setTimer('compare', COMPARE_AGAIN_MS, { type: 'compare' });
          }
          ctx.report({ ...counts, away });
        },
      },
      stop: () => unfollow(),
    };
  },
});
