import type { EncodedFrame, MarkedRegion } from '../imaging/encode-job.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import type { ImageStore } from '../infra/bus.ts';
import { isBusDown } from '../infra/infra-error.ts';
import type { MetricRecorder } from '../infra/metric-table.ts';
import { cropImageId, frameImageId, type ImageId, type RequestId } from '../messages/ids.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import type { Asking } from '../runtime/message.ts';
import type { Transferred } from '../runtime/transfer.ts';
import { address } from '../runtime/ref.ts';
import { settlesWithin } from '../runtime/time-limit.ts';
import { putPicture } from './put-picture.ts';
import { UnstoredPictures } from './unstored-pictures.ts';

/**
 * Stores the JPEGs of a frame under their ids. Answered when each is stored, is kept until NATS is back, or has failed
 * and was counted and logged.
 */
export type StoreImages = {
  type: 'store';
  requestId: RequestId;
  /** rgb24 */
  data: Transferred<Uint8Array<ArrayBuffer>>;
  /** In px, as those of the regions. */
  width: number;
  height: number;
  /** The crop of each group, and the boxes and numbers of its members. */
  regions: readonly (MarkedRegion & { readonly groupIndex: number })[];
} & Asking<'done'>;

export type ImagingMessage = StoreImages;

export const IMAGING = address<ImagingMessage>('/imaging');

export interface ImagingInit {
  readonly encoder: Encoder;
  readonly images: ImageStore;
}

const QUALITY = 78;
const MAX_REGION_SIDE = 640;
/** At a stop, for images being stored: their detections are published already. */
const FLUSH_MS = 2_000;

/** Turns frames into stored JPEGs: the frame for people's screens, the crops with their marks for the model. */
export const imagingActor = defineActor<ImagingMessage>()<ImagingInit>({
  kind: 'imaging',
  mailbox: { capacity: 64, overflow: 'refuse' },
  start: (ctx, init) => {
    const imaging = new Imaging(ctx, init);
    return {
      handlers: {
        store: (message) => {
          const answer = ctx.defer<'done'>();
          void imaging.store(message).then(() => answer.resolve('done'));
          return answer;
        },
      },
      stop: () => imaging.flush(),
    };
  },
});

class Imaging {
  readonly #ctx: ActorContext<ImagingMessage>;
  readonly #init: ImagingInit;
  readonly #counts = { stored: 0, failed: 0, shrunk: 0 };
  readonly #pending = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  readonly #unstored: UnstoredPictures;

  constructor(ctx: ActorContext<ImagingMessage>, init: ImagingInit) {
    this.#ctx = ctx;
    this.#init = init;
    this.#unstored = new UnstoredPictures({
      clock: ctx.clock,
      put: (id, jpeg) => this.#put(id, jpeg),
      onFailed: (id, error) => this.#notStored(id, error),
    });
  }

  /** Never rejects. */
  async store(message: StoreImages): Promise<void> {
    const pending = this.#store(message);
    this.#pending.add(pending);
    await pending;
    this.#pending.delete(pending);
    this.#report();
  }

  /** Waits for images being stored, at most {@link FLUSH_MS}. */
  async flush(): Promise<void> {
    await settlesWithin(this.#ctx.clock, Promise.all(this.#pending), FLUSH_MS);
    this.#abort.abort();
    await this.#unstored.stop(0);
  }

  #report(): void {
    const { size } = this.#unstored;
    const metrics: MetricRecorder = this.#ctx.metrics;
    metrics.set('queue_depth', size, { queue: 'pictures' });
    this.#ctx.report({ ...this.#counts, waiting: this.#init.encoder.waiting, unstored: size });
  }

  async #store({ requestId, data, width, height, regions }: StoreImages): Promise<void> {
    let encoded: EncodedFrame;
    try {
      const job = { data, width, height, regions, quality: QUALITY, maxRegionSide: MAX_REGION_SIDE };
      encoded = await this.#init.encoder.encode(job, this.#abort.signal);
    } catch (thrown) {
      this.#failed({ requestId }, `the pictures of frame ${requestId} could not be encoded`, asError(thrown));
      return;
    }
    await Promise.all([
      this.#putOrKeep(frameImageId(requestId), encoded.frame),
      ...regions.map(async ({ groupIndex }, index) => {
        const jpeg = encoded.regions[index];
        if (jpeg !== undefined) await this.#putOrKeep(cropImageId(requestId, groupIndex), jpeg);
      }),
    ]);
  }

  /** Does not wait for NATS to be back: its camera goes on with the next frame. Never rejects. */
  async #putOrKeep(id: ImageId, jpeg: Uint8Array): Promise<void> {
    try {
      await this.#put(id, jpeg);
    } catch (thrown) {
      if (isBusDown(thrown) && !this.#abort.signal.aborted) this.#unstored.add(id, jpeg);
      else this.#notStored(id, asError(thrown));
    }
  }

  async #put(id: ImageId, jpeg: Uint8Array): Promise<void> {
    const { images, encoder } = this.#init;
    const shrunk = await putPicture(images, id, jpeg, (large, most) => encoder.shrink(large, most, this.#abort.signal));
    if (shrunk) this.#counts.shrunk += 1;
    this.#counts.stored += 1;
  }

  #notStored(id: ImageId, error: Error): void {
    this.#failed({ imageId: id }, `image ${id} could not be stored`, error);
  }

  /** Once for each JPEG that could not be stored, and once for a frame that could not be encoded. */
  #failed(fields: object, text: string, error: Error): void {
    this.#counts.failed += 1;
    const metrics: MetricRecorder = this.#ctx.metrics;
    metrics.inc('images_failed_total', 1);
    this.#ctx.log.warn({ ...fields, err: error.message }, `${text}: ${error.message}`);
  }
}
