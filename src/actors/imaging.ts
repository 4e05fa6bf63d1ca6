import { type Cut, type DecodedPicture, DECODE_ERRORS } from '../decoding/decoding.types.ts';
import type { Encoder } from '../imaging/jpeg-encoder.ts';
import { cropOf, marksInCrop, wholePicture } from '../imaging/picture-cuts.ts';
import type { Bus, ImageStore } from '../infra/bus.ts';
import { LineLimit } from '../infra/line-limit.ts';
import type { MetricRecorder } from '../infra/metric-table.ts';
import { cropImageId, frameImageId, type ImageId } from '../messages/ids.ts';
import { subjects } from '../messages/subjects.ts';
import { PicturesWanted } from '../messages/wanted.ts';
import { type ActorContext, defineActor } from '../runtime/actor.ts';
import { asError } from '../runtime/errors.ts';
import { settlesWithin } from '../runtime/time-limit.ts';
import { INGEST } from './ingest.types.ts';
import type { AnalysedFrame, ImagingMessage } from './imaging.types.ts';
import { type PictureOrder, PictureOrders } from './imaging/picture-orders.ts';
import { putPicture } from './put-picture.ts';

type Private = { readonly type: 'wanted'; readonly imageIds: readonly ImageId[] };

export interface ImagingInit {
  readonly encoder: Pick<Encoder, 'encode' | 'shrink' | 'waiting'>;
  readonly images: Pick<ImageStore, 'put'>;
  readonly bus: Pick<Bus, 'subscribe'>;
}

const QUALITY = 78;
/** In px, of the picture of a whole frame. */
const MAX_WIDTH = 1280;
/** The ring has 12 s of each stream; a reader's request takes a moment. */
const REMEMBER_MS = 15_000;
/** 1,000 cameras with an interval of half a second, for {@link REMEMBER_MS}: some 60 MB. */
const MOST_FRAMES = 30_000;
/** A decoder takes 64 cuts at a time. */
const MOST_PICTURES = 32;
/** Readers wait at most 5 s. */
const PATIENCE_MS = 5_000;
/** Frames being cut, encoded and stored at once: more would only wait for decoders and encoders. */
const MOST_AT_ONCE = 6;
const CUT_MS = 4_000;
/** At a stop, for pictures being made. */
const FLUSH_MS = 2_000;
const LOG_EVERY_MS = 10_000;

/**
 * Makes the JPEGs that somebody asks for: the frame for people's screens, the crops with their marks for the model.
 * Their pixels come from the ingest, as long as its ring has the picture.
 */
export const imagingActor = defineActor<ImagingMessage, Private>()<ImagingInit>({
  kind: 'imaging',
  mailbox: { capacity: 5_000, overflow: 'drop-oldest' },
  start: (ctx, init) => {
    const imaging = new Imaging(ctx, init);
    const unsubscribe = init.bus.subscribe(subjects.picturesWanted, PicturesWanted, ({ imageIds }) =>
      ctx.self.tell({ type: 'wanted', imageIds }),
    );
    return {
      handlers: {
        remember: (frame) => imaging.remember(frame),
        wanted: ({ imageIds }) => imaging.want(imageIds),
      },
      stop: () => {
        unsubscribe();
        return imaging.flush();
      },
    };
  },
});

class Imaging {
  readonly #ctx: ActorContext<ImagingMessage | Private>;
  readonly #init: ImagingInit;
  readonly #metrics: MetricRecorder;
  readonly #orders = new PictureOrders({
    rememberMs: REMEMBER_MS,
    mostFrames: MOST_FRAMES,
    mostPictures: MOST_PICTURES,
    patienceMs: PATIENCE_MS,
  });
  readonly #counts = { made: 0, missed: 0, failed: 0, shrunk: 0 };
  readonly #making = new Set<Promise<void>>();
  readonly #abort = new AbortController();
  readonly #lines = new LineLimit(LOG_EVERY_MS);
  #givenUp = 0;

  constructor(ctx: ActorContext<ImagingMessage | Private>, init: ImagingInit) {
    this.#ctx = ctx;
    this.#init = init;
    this.#metrics = ctx.metrics;
  }

  remember(frame: AnalysedFrame): void {
    this.#orders.remember(frame, this.#ctx.clock.now());
    if (frame.isRare) this.want([frameImageId(frame.requestId)]);
  }

  want(imageIds: readonly ImageId[]): void {
    this.#orders.want(imageIds, this.#ctx.clock.now());
    this.#pump();
  }

  /** Waits for pictures being made, at most {@link FLUSH_MS}. */
  async flush(): Promise<void> {
    await settlesWithin(this.#ctx.clock, Promise.all(this.#making), FLUSH_MS);
    this.#abort.abort();
  }

  #pump(): void {
    while (this.#making.size < MOST_AT_ONCE && !this.#ctx.signal.aborted) {
      const order = this.#orders.next(this.#ctx.clock.now());
      if (order === null) break;
      const making = this.#make(order).finally(() => {
        this.#making.delete(making);
        this.#pump();
      });
      this.#making.add(making);
    }
    const late = this.#orders.givenUp - this.#givenUp;
    this.#givenUp += late;
    if (late > 0) this.#missed('busy', late);
    this.#report();
  }

  /** Never rejects. */
  async #make({ frame, imageIds, askedAt }: PictureOrder): Promise<void> {
    const pictures = await this.#cut(frame, imageIds);
    await Promise.all(
      imageIds.map(async (id, index) => {
        const picture = pictures?.[index];
        const made = picture !== undefined && (await this.#store(id, frame, picture));
        if (!made) this.#orders.failed(id);
        else this.#metrics.observe('picture_seconds', (this.#ctx.clock.now() - askedAt) / 1000);
      }),
    );
  }

  /** The pixels of these pictures; null when they cannot be had any more, which is counted. Never rejects. */
  async #cut(frame: AnalysedFrame, imageIds: readonly ImageId[]): Promise<readonly DecodedPicture[] | null> {
    const { cameraId, at } = frame;
    const cuts = imageIds.map((id) => cutOf(id, frame));
    try {
      return await this.#ctx.ref(INGEST).ask({ type: 'cut', cameraId, at, cuts }, { timeoutMs: CUT_MS });
    } catch (thrown) {
      const error = asError(thrown);
      this.#missed(reasonOf(error), imageIds.length);
      if (this.#lines.mayLog(this.#ctx.clock.now()))
        this.#ctx.log.warn(
          { cameraId, requestId: frame.requestId, missed: this.#counts.missed, err: error.message },
          `pictures of camera ${cameraId} that were wanted cannot be made: ${error.message}`,
        );
      return null;
    }
  }

  /** Encodes and stores a picture; false when that failed, which is counted and logged. Never rejects. */
  async #store(id: ImageId, frame: AnalysedFrame, picture: DecodedPicture): Promise<boolean> {
    const { images, encoder } = this.#init;
    const { signal } = this.#abort;
    const region = regionOf(id, frame);
    const marks = region === null ? [] : marksInCrop(region, frame, frame.display, picture);
    const { width, height } = picture;
    try {
      const jpeg = await encoder.encode(
        { data: ownMemory(picture.data), width, height, marks, quality: QUALITY },
        signal,
      );
      const shrunk = await putPicture(images, { id, jpeg, cameraId: frame.cameraId }, (large, most) =>
        encoder.shrink(large, most, signal),
      );
      if (shrunk) this.#counts.shrunk += 1;
      this.#counts.made += 1;
      this.#metrics.inc('pictures_made_total', 1, { kind: region === null ? 'frame' : 'crop' });
      return true;
    } catch (thrown) {
      const { message } = asError(thrown);
      this.#counts.failed += 1;
      this.#metrics.inc('images_failed_total', 1);
      this.#ctx.log.warn({ imageId: id, err: message }, `image ${id} could not be stored: ${message}`);
      return false;
    }
  }

  #missed(reason: 'gone' | 'undecodable' | 'busy', pictures: number): void {
    this.#counts.missed += pictures;
    this.#metrics.inc('pictures_missed_total', pictures, { reason });
  }

  #report(): void {
    const { waiting, remembered } = this.#orders;
    this.#metrics.set('queue_depth', waiting, { queue: 'pictures' });
    this.#ctx.report({ ...this.#counts, waiting, making: this.#making.size, remembered });
  }
}

/** The region of a crop; null for the picture of a whole frame. */
const regionOf = (id: ImageId, { requestId, regions }: AnalysedFrame): AnalysedFrame['regions'][number] | null =>
  regions.find(({ groupIndex }) => id === cropImageId(requestId, groupIndex)) ?? null;

function cutOf(id: ImageId, frame: AnalysedFrame): Cut {
  const region = regionOf(id, frame);
  return region === null ? wholePicture(frame.display, MAX_WIDTH) : cropOf(region, frame, frame.display);
}

function reasonOf(error: Error): 'gone' | 'undecodable' | 'busy' {
  const code = 'code' in error ? error.code : null;
  if (code === 'GONE' || code === 'UNKNOWN_CAMERA' || code === 'STOPPED') return 'gone';
  return typeof code === 'string' && code in DECODE_ERRORS && code !== 'TOO_MANY' && code !== 'REPLACED'
    ? 'undecodable'
    : 'busy';
}

/** The pixels in a buffer that holds nothing else, so that it can be transferred. */
const ownMemory = (data: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  data.byteLength === data.buffer.byteLength ? data : data.slice();
