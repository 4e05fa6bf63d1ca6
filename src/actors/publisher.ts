import type { Bus } from '../infra/bus.ts';
import type { MetricRecorder } from '../infra/metric-table.ts';
import { Sender } from '../infra/stage-sender.ts';
import type { Detection } from '../messages/detection.ts';
import type { CameraId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import { spanIdOf } from '../messages/trace-context.ts';
import { defineActor } from '../runtime/actor.ts';
import { DetectionBuffer } from '../tasks/detection-buffer.ts';
import { DetectionCounts } from './detection-counts.ts';
import type { PublisherMessage } from './publisher.types.ts';

export interface PublisherInit {
  readonly bus: Bus;
  /** Called with every frame when it arrives. */
  readonly onReceived?: (detection: Detection) => void;
  /** Called with every frame that the bus has. */
  readonly onPublished: (detection: Detection) => void;
  /** Called with every frame that is never published: the buffer was full, the bus refused it, or Gantry stopped. */
  readonly onShed: (detection: Detection) => void;
}

/** Frames buffered while NATS is down or slow. */
const CAPACITY = 500;
/** Frames of different cameras under way at once, so that a server with a slow disk adds latency only. */
const WINDOW = 64;
const FLUSH_MS = 2_000;

/**
 * Puts detections on the bus, in order for each camera. While NATS is down a bounded number is buffered, the urgent
 * ones longest. A frame without room is counted by camera, never silently lost.
 */
export const publisherActor = defineActor<PublisherMessage>()<PublisherInit>({
  kind: 'publisher',
  // The handler only puts a frame into the buffer: the mailbox stays empty.
  mailbox: { capacity: 5_000, overflow: 'drop-oldest' },
  start: (ctx, { bus, onReceived, onPublished, onShed }) => {
    const metrics: MetricRecorder = ctx.metrics;
    const buffer = new DetectionBuffer(CAPACITY);
    const underWay = new Map<CameraId, Detection>();
    const counts = { published: 0, shed: 0 };
    const content = new DetectionCounts(metrics);
    const report = (): void => ctx.report({ ...counts, waiting: buffer.size, away: sender.down });

    const shed = (detection: Detection): void => {
      counts.shed += 1;
      metrics.inc('shed_total', 1, { camera_id: detection.cameraId, what: 'detection', reason: 'nats-away' });
      onShed(detection);
      report();
    };

    const send = async (detection: Detection): Promise<void> => {
      const { cameraId, requestId, traceId, modelType, detectionLatency } = detection;
      const trace = { cameraId, requestId, traceId, spanId: spanIdOf(traceId, 'publish') };
      await bus.publish(subjects.detection(cameraId), detection, trace, requestId);
      // The stop has counted it as shed; that it did arrive does no harm.
      if (sender.ended) return;
      underWay.delete(cameraId);
      counts.published += 1;
      metrics.inc('detection_total', 1, { camera_id: cameraId, model_type: modelType });
      metrics.observe('detection_latency_seconds', detectionLatency, traceId);
      content.published(detection);
      report();
      onPublished(detection);
    };

    const sender = new Sender<Detection>({
      clock: ctx.clock,
      window: WINDOW,
      waiting: () => buffer.size,
      next: () => {
        const detection = buffer.take(underWay);
        if (detection !== null) underWay.set(detection.cameraId, detection);
        return detection;
      },
      send,
      onRefused: (detection, error) => {
        const { cameraId, requestId } = detection;
        underWay.delete(cameraId);
        ctx.log.error(
          { cameraId, requestId, err: error.message },
          `a frame of camera ${cameraId} is given up: NATS refused it several times: ${error.message}`,
        );
        shed(detection);
      },
      onDown: (error) =>
        ctx.log.warn({ waiting: buffer.size, err: error.message }, `detections wait for NATS: ${error.message}`),
      onUp: () => ctx.log.info({ waiting: buffer.size, shed: counts.shed }, 'detections go out again'),
    });

    return {
      handlers: {
        publish: ({ detection }) => {
          onReceived?.(detection);
          const dropped = buffer.add(detection);
          if (dropped !== null) shed(dropped);
          sender.pump();
        },
      },
      stop: async () => {
        await sender.stop(FLUSH_MS);
        const lost = [...underWay.values(), ...buffer.drain()];
        for (const detection of lost) shed(detection);
        if (lost.length > 0)
          ctx.log.warn(
            { lost: lost.length },
            `${lost.length} detections could not be published before the stop: NATS is ${bus.state()}`,
          );
      },
    };
  },
});
