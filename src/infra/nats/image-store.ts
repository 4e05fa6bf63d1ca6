import { headers as newHeaders } from 'nats';
import type { CameraId, ImageId } from '../../messages/ids.ts';
import { headers as headerNames, IMAGE_STREAM, streams, subjects } from '../../messages/subjects.ts';
import type { PicturesWanted } from '../../messages/wanted.ts';
import { type Clock, systemClock } from '../../runtime/clock.ts';
import type { AlertImageStore, ImageStore, StoredImage } from '../bus.ts';
import { awaitImages, type ImageSource } from '../image-wait.ts';
import { InfraError } from '../infra-error.ts';
import type { NatsBus } from './nats-bus.ts';
import type { NatsLink } from './connection.ts';
import { directGetMessage } from './direct-get.ts';
import { headersOf } from './headers.ts';
import { store } from './send.ts';

/** Of a picture, where NATS takes messages of 1 MB. */
const MAX_BYTES = 900_000;
/** Bytes of a message besides the picture. */
const OVERHEAD = 1_024;

/** {@link ImageStore} as a JetStream stream with one subject per image; every node of the system can read it. */
export class JetStreamImages implements ImageStore {
  readonly #bus: NatsBus;
  readonly #pictures: Pictures;
  readonly #clock: Clock;
  readonly #source: ImageSource;

  constructor(bus: NatsBus, clock: Clock = systemClock) {
    this.#bus = bus;
    this.#pictures = new Pictures(bus);
    this.#clock = clock;
    this.#source = {
      find: (id) => this.find(id),
      want: (imageIds) => bus.broadcast(subjects.picturesWanted, { imageIds: [...imageIds] } satisfies PicturesWanted),
      watch: (id, onStored) => this.#watch(id, onStored),
    };
  }

  put(id: ImageId, jpeg: Uint8Array, cameraId: CameraId): Promise<void> {
    return this.#pictures.put(subjects.image(id), id, jpeg, cameraId);
  }

  async get(id: ImageId, signal?: AbortSignal): Promise<Uint8Array | null> {
    const [image = null] = this.getAll([id], signal);
    return image;
  }

  getAll(ids: readonly ImageId[], signal?: AbortSignal): readonly Promise<Uint8Array | null>[] {
    return awaitImages(ids, this.#source, this.#clock, signal);
  }

  async find(id: ImageId): Promise<Uint8Array | null> {
    return (await this.findStored(id))?.jpeg ?? null;
  }

  async findStored(id: ImageId): Promise<StoredImage | null> {
    return (
      (await this.#pictures.get(IMAGE_STREAM, subjects.image(id), id)) ??
      this.#pictures.get(streams.alertImages, subjects.alertImage(id), id)
    );
  }

  /** The message that stores an image reaches plain subscribers of its subject too. */
  #watch(id: ImageId, onStored: (jpeg: Uint8Array) => void): () => void {
    const { nc } = this.#bus.link;
    // A closed connection takes no subscription; then every look rejects.
    if (nc.isClosed()) return () => undefined;
    const subscription = nc.subscribe(subjects.image(id), {
      max: 1,
      callback: (error, message) => {
        if (error === null && message.data.length > 0) onStored(message.data);
      },
    });
    return () => subscription.unsubscribe();
  }
}

/** {@link AlertImageStore} as a stream of its own. */
export class JetStreamAlertImages implements AlertImageStore {
  readonly #pictures: Pictures;

  constructor(bus: NatsBus) {
    this.#pictures = new Pictures(bus);
  }

  async has(id: ImageId): Promise<boolean> {
    return (await this.#pictures.get(streams.alertImages, subjects.alertImage(id), id)) !== null;
  }

  put(id: ImageId, jpeg: Uint8Array, cameraId: CameraId): Promise<void> {
    return this.#pictures.put(subjects.alertImage(id), id, jpeg, cameraId);
  }
}

class Pictures {
  readonly #link: NatsLink;

  constructor({ link }: NatsBus) {
    this.#link = link;
  }

  async put(subject: string, id: ImageId, jpeg: Uint8Array, cameraId: CameraId): Promise<void> {
    const most = Math.min(MAX_BYTES, this.#link.maxPayload - OVERHEAD);
    if (jpeg.byteLength > most) {
      const message = `image ${id} has ${jpeg.byteLength} bytes, at most ${most} fit`;
      throw new InfraError('IMAGE_TOO_LARGE', message, { id, bytes: jpeg.byteLength, most });
    }
    const headers = newHeaders();
    headers.set(headerNames.cameraId, cameraId);
    await store(this.#link, subject, jpeg, { headers });
  }

  /** Null when there is none, or no longer. */
  async get(stream: string, subject: string, id: ImageId): Promise<StoredImage | null> {
    const found = await directGetMessage(this.#link, stream, subject, `reading image ${id}`);
    if (found === null) return null;
    return { jpeg: found.data, cameraId: headersOf(found).get(headerNames.cameraId) ?? null };
  }
}
