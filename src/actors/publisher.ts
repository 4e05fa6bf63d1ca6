import type { Bus } from '../infra/bus.ts';
import type { Detection } from '../messages/detection.ts';
import { subjects } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { sleep } from '../runtime/clock.ts';
import { asError } from '../runtime/errors.ts';
import { address } from '../runtime/ref.ts';

export type PublisherMessage = { type: 'publish'; detection: Detection };
export const PUBLISHER = address<PublisherMessage>('/publisher');

export interface PublisherInit {
  readonly bus: Bus;
  readonly onPublished: (detection: Detection) => void;
}

const RETRY_MS = 250;

/**
 * Puts detections on the bus, in order. While NATS is away they wait here, newest first to survive: the mailbox drops
 * its oldest at the bound, which the tree and the metrics count.
 */
export const publisherActor = defineActor<PublisherMessage>()<PublisherInit>({
  kind: 'publisher',
  mailbox: { capacity: 500, overflow: 'drop-oldest' },
  start: (ctx, { bus, onPublished }) => {
    let published = 0;
    let waiting = false;

    const publish = async (detection: Detection): Promise<void> => {
      const { cameraId, requestId, traceId } = detection;
      for (;;) {
        try {
          await bus.publish(subjects.detection(cameraId), detection, { cameraId, requestId, traceId }, requestId);
          waiting = false;
          return;
        } catch (thrown) {
          if (!waiting) ctx.log.warn({ cameraId, err: asError(thrown).message }, 'detections wait: NATS does not take them');
          waiting = true;
          await sleep(ctx.clock, RETRY_MS, ctx.signal);
        }
      }
    };

    return {
      handlers: {
        publish: async ({ detection }) => {
          try {
            await publish(detection);
          } catch (thrown) {
            if (ctx.signal.aborted) return;
            throw thrown;
          }
          published += 1;
          ctx.report({ published });
          onPublished(detection);
        },
      },
    };
  },
});
