import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { AlertImageStore, Bus, Delivery, ImageStore } from '../infra/bus.ts';
import { consume } from '../infra/consume.ts';
import { redeliveryDelay } from '../infra/redelivery.ts';
import { Aggregate } from '../messages/aggregate.ts';
import type { ImageId } from '../messages/ids.ts';
import { consumers, streams } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import { address } from '../runtime/ref.ts';
import { putPicture } from './put-picture.ts';

export interface AlertImagesStats {
  readonly alerts: number;
  readonly kept: number;
  /** Gone before they were copied, or never stored. */
  readonly missing: number;
  readonly unreadable: number;
}

export type AlertImagesMessage = { type: 'stats' } & Asking<AlertImagesStats>;
export const ALERT_IMAGES = address<AlertImagesMessage>('/alert-images');

export interface AlertImagesInit {
  readonly bus: Bus;
  readonly images: Pick<ImageStore, 'get'>;
  readonly kept: AlertImageStore;
  readonly encoder: Pick<Encoder, 'shrink'>;
}

export const MAX_ALERT_IMAGE_BYTES = 50_000;
/** The pool may be full for a while; a picture that fails this often is broken. */
const TRIES = 6;

/** Copies the pictures of alerts, made small, to where they are kept as long as the alerts. An alert is acked when its pictures are there. */
export const alertImagesActor = defineActor<AlertImagesMessage>()<AlertImagesInit>({
  kind: 'alert-images',
  mailbox: { capacity: 100, overflow: 'refuse' },
  start: (ctx, { bus, images, kept, encoder }) => {
    const counts = { alerts: 0, kept: 0, missing: 0, unreadable: 0 };

    const keep = async (id: ImageId, lastTry: boolean): Promise<void> => {
      // A revision of an alert has the same pictures.
      if (await kept.has(id)) return;
      const jpeg = await images.get(id, ctx.signal);
      if (jpeg === null) {
        counts.missing += 1;
        ctx.log.warn({ imageId: id }, `picture ${id} of an alert was gone before it could be kept`);
        return;
      }
      const small = await shrunk(id, jpeg, lastTry);
      if (small === null) return;
      await putPicture(kept, id, small, (large, most) => encoder.shrink(large, most, ctx.signal));
      counts.kept += 1;
    };

    /** Null when it is given up. */
    const shrunk = async (id: ImageId, jpeg: Uint8Array, lastTry: boolean): Promise<Uint8Array | null> => {
      try {
        return await encoder.shrink(jpeg, MAX_ALERT_IMAGE_BYTES, ctx.signal);
      } catch (thrown) {
        if (!lastTry || ctx.signal.aborted) throw thrown;
        counts.unreadable += 1;
        ctx.log.error(
          { imageId: id, err: asError(thrown).message },
          `picture ${id} of an alert cannot be made smaller and is not kept: ${asError(thrown).message}`,
        );
        return null;
      }
    };

    const take = async (delivery: Delivery<Aggregate>): Promise<void> => {
      const { cameraId, imageId, trafficGroups } = delivery.body;
      try {
        for (const id of [imageId, ...trafficGroups.map(({ cropId }) => cropId)]) {
          if (id === null) continue;
          await keep(id, delivery.attempt >= TRIES);
          delivery.working();
        }
        delivery.ack();
        counts.alerts += 1;
      } catch (thrown) {
        delivery.nak(ctx.signal.aborted ? 0 : redeliveryDelay(delivery.attempt));
        if (!ctx.signal.aborted)
          ctx.log.info(
            { cameraId, attempt: delivery.attempt, err: asError(thrown).message },
            `the pictures of an alert of camera ${cameraId} are kept later: ${asError(thrown).message}`,
          );
      }
      ctx.report(counts);
    };
    consume({
      bus,
      stream: streams.alerts,
      durable: consumers.alertImages,
      parser: Aggregate,
      clock: ctx.clock,
      log: ctx.log,
      signal: ctx.signal,
      batch: 8,
      take,
    }).catch((thrown: unknown) => ctx.fail(asError(thrown)));

    return { handlers: { stats: () => ({ ...counts }) } };
  },
});
