import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { Region } from '../imaging/encode-job.ts';
import type { ImageStore } from '../infra/bus.ts';
import { cropImageId, frameImageId, type ImageId, type RequestId } from '../messages/ids.ts';
import { defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import type { Transferred } from '../runtime/transfer.ts';
import { address } from '../runtime/ref.ts';
import { putPicture } from './put-picture.ts';

/** Claim checks of one frame; null where a JPEG could not be made or stored. */
export interface StoredImages {
  readonly imageId: ImageId | null;
  readonly crops: readonly (ImageId | null)[];
}

export type ImagingMessage = {
  type: 'store';
  requestId: RequestId;
  /** rgb24 */
  data: Transferred<Uint8Array<ArrayBuffer>>;
  width: number;
  height: number;
  /** One for each group, in the order of `groupIndex` from 1. */
  regions: readonly (Region & { readonly groupIndex: number })[];
} & Asking<StoredImages>;

export const IMAGING = address<ImagingMessage>('/imaging');

export interface ImagingInit {
  readonly encoder: Encoder;
  readonly images: ImageStore;
  readonly onFailed: () => void;
}

const QUALITY = 78;
const MAX_REGION_SIDE = 640;

/** Turns frames into stored JPEGs: the frame for people's screens, the crops for the model. */
export const imagingActor = defineActor<ImagingMessage>()<ImagingInit>({
  kind: 'imaging',
  mailbox: { capacity: 64, overflow: 'refuse' },
  start: (ctx, { encoder, images, onFailed }) => {
    let stored = 0;
    let failed = 0;
    let shrunk = 0;

    const put = async (id: ImageId, jpeg: Uint8Array): Promise<ImageId | null> => {
      try {
        if (await putPicture(images, id, jpeg, (large, most) => encoder.shrink(large, most, ctx.signal))) shrunk += 1;
        stored += 1;
        return id;
      } catch (thrown) {
        failed += 1;
        onFailed();
        ctx.log.warn(
          { imageId: id, err: asError(thrown).message },
          `image ${id} could not be stored: ${asError(thrown).message}`,
        );
        return null;
      }
    };

    const store = async ({ requestId, data, width, height, regions }: ImagingMessage): Promise<StoredImages> => {
      const job = { data, width, height, regions, quality: QUALITY, maxRegionSide: MAX_REGION_SIDE };
      const encoded = await encoder.encode(job, ctx.signal);
      const [imageId, ...crops] = await Promise.all([
        put(frameImageId(requestId), encoded.frame),
        ...regions.map((region, index) => {
          const jpeg = encoded.regions[index];
          return jpeg === undefined ? null : put(cropImageId(requestId, region.groupIndex), jpeg);
        }),
      ]);
      ctx.report({ stored, failed, shrunk, waiting: encoder.waiting });
      return { imageId, crops };
    };

    return {
      handlers: {
        store: (message) => {
          const answer = ctx.defer<StoredImages>();
          store(message).then(
            (claims) => answer.resolve(claims),
            (thrown: unknown) => {
              failed += 1;
              onFailed();
              answer.reject(asError(thrown));
            },
          );
          return answer;
        },
      },
    };
  },
});
