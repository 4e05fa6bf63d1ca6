import { type JetStreamClient, type JetStreamManager, NatsError } from 'nats';
import type { ImageId } from '../../messages/ids.ts';
import { IMAGE_STREAM, subjects } from '../../messages/subjects.ts';
import type { ImageStore } from '../bus.ts';
import { InfraError } from '../errors.ts';
import type { NatsBus } from './bus.ts';
import { asInfraError } from './errors.ts';

/** NATS takes messages up to 1 MB, headers included. */
const MAX_BYTES = 900_000;

/** {@link ImageStore} as a JetStream stream with one subject per image; every node of the system can read it. */
export class JetStreamImages implements ImageStore {
  readonly #bus: NatsBus;
  readonly #js: JetStreamClient;
  #jsm: Promise<JetStreamManager> | null = null;

  constructor(bus: NatsBus) {
    this.#bus = bus;
    this.#js = bus.link.nc.jetstream({ timeout: 3_000 });
  }

  async put(id: ImageId, jpeg: Uint8Array): Promise<void> {
    if (jpeg.byteLength > MAX_BYTES) throw new InfraError('IMAGE_TOO_LARGE', `image ${id} has ${jpeg.byteLength} bytes, at most ${MAX_BYTES} fit`, { id, bytes: jpeg.byteLength });
    this.#bus.link.require();
    try {
      await this.#js.publish(subjects.image(id), jpeg);
    } catch (thrown) {
      throw asInfraError(thrown, `storing image ${id}`);
    }
  }

  async get(id: ImageId): Promise<Uint8Array | null> {
    const nc = this.#bus.link.require();
    this.#jsm ??= nc.jetstreamManager({ checkAPI: false });
    try {
      const { streams } = await this.#jsm;
      const stored = await streams.getMessage(IMAGE_STREAM, { last_by_subj: subjects.image(id) });
      return stored.data;
    } catch (thrown) {
      if (thrown instanceof NatsError && thrown.code === '404') return null;
      throw asInfraError(thrown, `reading image ${id}`);
    }
  }
}
