import type { RequestId } from '../../messages/ids.ts';
import { readBody } from '../../messages/read-body.ts';
import { streams, subjects } from '../../messages/subjects.ts';
import { ClipRecord, MOST_CLIP_BYTES, type StoredClip } from '../../messages/wanted.ts';
import type { ClipStore } from '../bus.ts';
import { InfraError } from '../infra-error.ts';
import { directGet } from './direct-get.ts';
import type { NatsBus } from './nats-bus.ts';
import { store } from './send.ts';

/** Bytes of a part, where NATS takes messages of that size. */
const PART_BYTES = 512 * 1024;
/** Bytes of a message besides the part. */
const OVERHEAD = 1_024;

/**
 * {@link ClipStore} as a JetStream stream. Not the client's object store: that one refuses new objects when it is full,
 * where here the oldest go. A clip has parts of equal size, then a record, so a record says that all parts were stored;
 * parts that were removed since are noticed when they are read.
 */
export class JetStreamClips implements ClipStore {
  readonly #bus: NatsBus;

  constructor(bus: NatsBus) {
    this.#bus = bus;
  }

  async find(id: RequestId): Promise<ClipRecord | null> {
    const subject = subjects.alertClip(id);
    const body = await directGet(this.#bus.link, streams.alertClips, subject, `reading clip ${id}`);
    if (body === null) return null;
    try {
      return readBody(body, ClipRecord);
    } catch (thrown) {
      this.#bus.badBody(subject, thrown);
      return null;
    }
  }

  async put(id: RequestId, mp4: Uint8Array, { from, to }: Pick<StoredClip, 'from' | 'to'>): Promise<void> {
    const { link } = this.#bus;
    const bytes = mp4.byteLength;
    if (bytes > MOST_CLIP_BYTES) {
      const message = `clip ${id} has ${bytes} bytes, at most ${MOST_CLIP_BYTES} are kept`;
      throw new InfraError('CLIP_TOO_LARGE', message, { id, bytes, most: MOST_CLIP_BYTES });
    }
    const partBytes = Math.min(PART_BYTES, link.maxPayload - OVERHEAD);
    for (let part = 0; part * partBytes < bytes; part += 1)
      await store(link, subjects.alertClipPart(id, part), mp4.subarray(part * partBytes, (part + 1) * partBytes));
    await this.#putRecord(id, { outcome: 'stored', bytes, partBytes, from, to });
  }

  putNone(id: RequestId, reason: string): Promise<void> {
    return this.#putRecord(id, { outcome: 'none', reason });
  }

  async *read(
    id: RequestId,
    { bytes, partBytes }: StoredClip,
    first: number,
    last: number,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for (let part = Math.floor(first / partBytes); part * partBytes <= last; part += 1) {
      const begin = part * partBytes;
      const subject = subjects.alertClipPart(id, part);
      const body = await directGet(this.#bus.link, streams.alertClips, subject, `reading clip ${id}`);
      if (body === null || body.byteLength !== Math.min(partBytes, bytes - begin))
        throw new InfraError('CLIP_GONE', `part ${part} of clip ${id} was removed`, { id, part });
      yield body.subarray(Math.max(0, first - begin), last + 1 - begin);
    }
  }

  bytes(): Promise<number> {
    const { link } = this.#bus;
    return link.call('asking for the size of the clips', async () => {
      const { state } = await link.jsm.streams.info(streams.alertClips);
      return state.bytes;
    });
  }

  async #putRecord(id: RequestId, record: ClipRecord): Promise<void> {
    await store(this.#bus.link, subjects.alertClip(id), JSON.stringify(record));
  }
}
