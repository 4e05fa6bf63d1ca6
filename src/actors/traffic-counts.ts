import type { Bus } from '../infra/bus.ts';
import type { MetricRecorder } from '../infra/metric-table.ts';
import { Sender } from '../infra/stage-sender.ts';
import { MOST } from '../messages/bounds.ts';
import type { TrafficCounts } from '../messages/counted-bin.ts';
import type { CameraId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { Ring } from '../runtime/ring.ts';
import type { LaneNow, TrafficCountsMessage } from './traffic-counts.types.ts';

export interface TrafficCountsInit {
  readonly bus: Pick<Bus, 'publish' | 'state'>;
}

/** Minutes buffered while NATS is down: twenty of a hundred cameras. */
const CAPACITY = 2_000;
const WINDOW = 16;
const FLUSH_MS = 1_000;
/** A camera without a finished minute for so long has no lanes to show. */
const SHOWN_MS = 180_000;

/**
 * Puts finished minutes of counts on the bus, and into the metrics. While NATS is down a bounded number is buffered;
 * the oldest are dropped, counted by camera.
 */
export const trafficCountsActor = defineActor<TrafficCountsMessage>()<TrafficCountsInit>({
  kind: 'traffic-counts',
  // The handler only puts a minute into the buffer: the mailbox stays empty.
  mailbox: { capacity: 5_000, overflow: 'drop-oldest' },
  start: (ctx, { bus }) => {
    const metrics: MetricRecorder = ctx.metrics;
    const buffer = new Ring<TrafficCounts>();
    const newest = new Map<CameraId, { readonly at: number; readonly lanes: TrafficCounts['lanes'] }>();
    const counts = { published: 0, shed: 0 };
    const report = (): void => ctx.report({ ...counts, waiting: buffer.size, away: sender.down });

    const shed = ({ cameraId }: TrafficCounts): void => {
      counts.shed += 1;
      metrics.inc('shed_total', 1, { camera_id: cameraId, what: 'counts', reason: 'nats-away' });
      report();
    };

    const sender = new Sender<TrafficCounts>({
      clock: ctx.clock,
      window: WINDOW,
      waiting: () => buffer.size,
      next: () => buffer.shift() ?? null,
      send: async (minute) => {
        const { cameraId, countId } = minute;
        const trace = { cameraId, requestId: countId, traceId: countId.replaceAll('-', '') };
        await bus.publish(subjects.counts(cameraId), minute, trace, countId);
        counts.published += 1;
        report();
      },
      onRefused: (minute, error) => {
        const { cameraId, start } = minute;
        ctx.log.error(
          { cameraId, start, err: error.message },
          `the counts of camera ${cameraId} from ${start} are given up: NATS refused them: ${error.message}`,
        );
        shed(minute);
      },
      onDown: (error) =>
        ctx.log.warn({ waiting: buffer.size, err: error.message }, `counts wait for NATS: ${error.message}`),
      onUp: () => ctx.log.info({ waiting: buffer.size, shed: counts.shed }, 'counts go out again'),
    });

    const showCrossings = ({ cameraId, lines }: TrafficCounts): void => {
      for (const { lineId, crossings } of lines)
        for (const { direction, class: ofClass, count } of crossings) {
          const labels = { camera_id: cameraId, line: lineId, direction, class: ofClass };
          metrics.inc('road_users_counted_total', count, labels);
        }
    };

    const lanesNow = (): readonly LaneNow[] => {
      const since = ctx.clock.now() - SHOWN_MS;
      for (const [cameraId, { at }] of newest) if (at < since) newest.delete(cameraId);
      return [...newest].flatMap(([cameraId, { lanes }]) => lanes.map((lane) => ({ cameraId, lane })));
    };

    return {
      handlers: {
        counted: ({ counts: minute }) => {
          showCrossings(minute);
          if (newest.size < MOST.cameras || newest.has(minute.cameraId))
            newest.set(minute.cameraId, { at: ctx.clock.now(), lanes: minute.lanes });
          buffer.push(minute);
          const oldest = buffer.size > CAPACITY ? buffer.shift() : undefined;
          if (oldest !== undefined) shed(oldest);
          sender.pump();
        },
        lanes: () => lanesNow(),
      },
      stop: async () => {
        await sender.stop(FLUSH_MS);
        const lost = sender.size;
        if (lost > 0)
          ctx.log.warn(
            { lost },
            `${lost} minutes of counts could not be published before the stop: NATS is ${bus.state()}`,
          );
      },
    };
  },
});
