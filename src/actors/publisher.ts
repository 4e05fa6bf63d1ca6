import type { Bus } from '../infra/bus.ts';
import { isRefusedForGood, Pipeline } from '../infra/pipeline.ts';
import type { Detection } from '../messages/detection.ts';
import type { CameraId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { address } from '../runtime/ref.ts';
import { DetectionBuffer } from '../tasks/detection-buffer.ts';

export type PublisherMessage = { type: 'publish'; detection: Detection };
export const PUBLISHER = address<PublisherMessage>('/publisher');

export interface PublisherInit {
  readonly bus: Bus;
  /** Told of every frame before anything is done with it. */
  readonly onReceived?: (detection: Detection) => void;
  readonly onPublished: (detection: Detection) => void;
  /** Told of frames that are never published, whatever the reason: the buffer was full, the bus refused them, Gantry stopped. */
  readonly onShed: (detection: Detection) => void;
}

/** Frames that wait while NATS is away or slow. */
const CAPACITY = 500;
/** Frames of different cameras under way at once: a slow disk of the server costs waiting, not throughput. */
const WINDOW = 64;
const RETRY_MS = 250;
const FLUSH_MS = 2_000;

interface Going {
  readonly detection: Detection;
  refusals: number;
}

/**
 * Puts detections on the bus, in order for each camera. While NATS is away a bounded number waits here, the urgent ones
 * the longest; what has no place is counted by camera, never silently lost.
 */
export const publisherActor = defineActor<PublisherMessage>()<PublisherInit>({
  kind: 'publisher',
  // The handler only takes over: nothing waits in the mailbox.
  mailbox: { capacity: 5_000, overflow: 'drop-oldest' },
  start: (ctx, { bus, onReceived, onPublished, onShed }) => {
    const buffer = new DetectionBuffer(CAPACITY);
    const busy = new Map<CameraId, Going>();
    const work = new AbortController();
    const counts = { published: 0, shed: 0 };

    const pipeline = new Pipeline<Going>({
      window: WINDOW,
      retryMs: RETRY_MS,
      clock: ctx.clock,
      signal: work.signal,
      next: () => {
        const detection = buffer.take(busy);
        if (detection === null) return null;
        const going = { detection, refusals: 0 };
        busy.set(detection.cameraId, going);
        return going;
      },
      send: (going) => send(going),
      onAway: (error) =>
        ctx.log.warn(
          { waiting: buffer.size, err: error.message },
          `detections wait: NATS does not take them: ${error.message}`,
        ),
      onBack: () => ctx.log.info({ waiting: buffer.size, shed: counts.shed }, 'detections go out again'),
    });

    const send = async (going: Going): Promise<void> => {
      const { detection } = going;
      const { cameraId, requestId, traceId } = detection;
      try {
        await bus.publish(subjects.detection(cameraId), detection, { cameraId, requestId, traceId }, requestId);
      } catch (thrown) {
        if (!isRefusedForGood(thrown, going)) throw thrown;
        busy.delete(cameraId);
        ctx.log.error(
          { cameraId, requestId, err: thrown.message },
          `a frame of camera ${cameraId} is given up: NATS refused it ${going.refusals} times: ${thrown.message}`,
        );
        shed(detection);
        return;
      }
      // After a stop it was counted as shed already: that it did arrive is no harm.
      if (work.signal.aborted) return;
      busy.delete(cameraId);
      counts.published += 1;
      report();
      onPublished(detection);
    };

    const shed = (detection: Detection): void => {
      counts.shed += 1;
      onShed(detection);
      report();
    };
    const report = (): void => ctx.report({ ...counts, waiting: buffer.size, away: pipeline.away });

    return {
      handlers: {
        publish: ({ detection }) => {
          onReceived?.(detection);
          const gone = buffer.add(detection);
          if (gone !== null) shed(gone);
          pipeline.pump();
        },
      },
      // What waits still goes out if NATS is there; what does not is told.
      stop: async () => {
        const timer = ctx.clock.setTimeout(() => work.abort(), FLUSH_MS);
        while (buffer.size + pipeline.size > 0 && !pipeline.away && !work.signal.aborted) await pipeline.change();
        ctx.clock.clearTimeout(timer);
        work.abort();
        const lost = [...[...busy.values()].map((going) => going.detection), ...buffer.drain()];
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
