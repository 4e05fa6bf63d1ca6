import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { AlertImageStore, Bus, ImageStore } from '../infra/bus.ts';
import { Stage } from '../infra/stage.ts';
import { DONE, type Handle } from '../infra/stage-processor.ts';
import { Aggregate } from '../messages/aggregate.ts';
import type { CameraId, ImageId } from '../messages/ids.ts';
import { consumers, streams } from '../messages/subjects.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { putPicture } from './put-picture.ts';

export interface AlertImagesInit {
  readonly bus: Bus;
  readonly images: Pick<ImageStore, 'getAll'>;
  readonly kept: AlertImageStore;
  readonly encoder: Pick<Encoder, 'shrink'>;
}

export const MAX_ALERT_IMAGE_BYTES = 50_000;
/** The encoder's queue may be full for a while; a picture that fails this often is broken. */
const TRIES = 6;
const FLUSH_MS = 1_000;

/**
 * Copies the pictures of alerts, made small, to a store that keeps them as long as the alerts. An alert is acked when
 * its pictures are stored. Shows in the tree how many alerts were handled, and how many pictures were kept, were
 * `missing` (gone before they were copied, or never stored) or could not be read.
 */
export const alertImagesActor = defineActor<never>()<AlertImagesInit>({
  kind: 'alert-images',
  mailbox: { capacity: 100, overflow: 'refuse' },
  start: (ctx, { bus, images, kept, encoder }) => {
    const counts = { alerts: 0, kept: 0, missing: 0, unreadable: 0 };

    const keep = async (
      cameraId: CameraId,
      id: ImageId,
      reading: Promise<Uint8Array | null>,
      lastTry: boolean,
    ): Promise<void> => {
      const jpeg = await reading;
      if (jpeg === null) {
        counts.missing += 1;
        ctx.log.warn({ imageId: id }, `picture ${id} of an alert was gone before it could be kept`);
        return;
      }
      const small = await shrink(id, jpeg, lastTry);
      if (small === null) return;
      await putPicture(kept, { id, jpeg: small, cameraId }, (large, most) => encoder.shrink(large, most, ctx.signal));
      counts.kept += 1;
    };

    /** Those that are not kept yet. */
    const missingOf = async (ids: readonly (ImageId | null)[]): Promise<readonly ImageId[]> => {
      const known = await Promise.all(ids.map(async (id) => (id === null || (await kept.has(id)) ? [] : [id])));
      return known.flat();
    };

    /** Null when the picture is given up. */
    const shrink = async (id: ImageId, jpeg: Uint8Array, lastTry: boolean): Promise<Uint8Array | null> => {
      try {
        return await encoder.shrink(jpeg, MAX_ALERT_IMAGE_BYTES, ctx.signal);
      } catch (thrown) {
        if (!lastTry || ctx.signal.aborted) throw thrown;
        counts.unreadable += 1;
        const err = asError(thrown).message;
        ctx.log.error({ imageId: id, err }, `picture ${id} of an alert cannot be made smaller and is not kept: ${err}`);
        return null;
      }
    };

    const handle: Handle<Aggregate> = async ({ body: { cameraId, imageId, trafficGroups, incidents }, attempt }) => {
      try {
        // A revision of an alert has the same pictures.
        const ids = await missingOf([imageId, ...[...trafficGroups, ...incidents].map(({ cropId }) => cropId)]);
        const readings = images.getAll(ids, ctx.signal);
        await Promise.allSettled(readings);
        for (const [index, reading] of readings.entries())
          await keep(cameraId, ids[index] ?? '', reading, attempt >= TRIES);
      } catch (thrown) {
        if (ctx.signal.aborted) throw thrown;
        const err = asError(thrown).message;
        ctx.log.info(
          { cameraId, attempt, err },
          `the pictures of an alert of camera ${cameraId} are kept later: ${err}`,
        );
        // However often: no number of attempts makes an alert a dead letter.
        return { kind: 'retry' };
      }
      counts.alerts += 1;
      return DONE;
    };

    const stage = new Stage({
      ctx,
      bus,
      stream: streams.alerts,
      durable: consumers.alertImages,
      parser: Aggregate,
      inFlight: 1,
      handle,
      onSettled: () => ctx.report(counts),
    });

    return { handlers: {}, stop: () => stage.stop(FLUSH_MS) };
  },
});
