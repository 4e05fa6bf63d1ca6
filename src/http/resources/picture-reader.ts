import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import type { ImageId } from '../../messages/ids.ts';
import { HttpError } from '../errors/http-error.ts';
import { ConnectionLimit } from '../feed/connection-limit.ts';
import { clientOf } from '../intake/client-address.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import type { HttpPorts } from '../ports.ts';

/** Requests that may wait for a picture at once: in all, and from one address. Anyone can make up a young id. */
const MAX_WAITING = 128;
const MAX_WAITING_PER_ADDRESS = 32;

export interface PictureReaderOptions {
  readonly images: HttpPorts['images'];
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/**
 * Answers requests with stored JPEGs. A frame is published before its JPEGs are stored, so a request for a young one
 * waits, up to 5 s, as long as its client stays connected.
 */
export class PictureReader {
  readonly #images: HttpPorts['images'];
  readonly #trusted: AddressRanges;
  readonly #refusals: Refusals;
  readonly #waiting = new ConnectionLimit(
    MAX_WAITING,
    MAX_WAITING_PER_ADDRESS,
    'requests for pictures that are not stored yet',
  );

  constructor({ images, trusted, refusals }: PictureReaderOptions) {
    this.#images = images;
    this.#trusted = trusted;
    this.#refusals = refusals;
  }

  /** Sends the JPEG. Throws `IMAGE_EXPIRED`, which no cache keeps, or `TOO_MANY` when too many requests wait. */
  async send(imageId: ImageId, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      const jpeg = (await this.#images.find(imageId)) ?? (await this.#await(imageId, request));
      return reply.type('image/jpeg').send(Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength));
    } catch (thrown) {
      reply.removeHeader('cache-control');
      throw thrown;
    }
  }

  async #await(imageId: ImageId, request: FastifyRequest): Promise<Uint8Array> {
    const client = clientOf(request, this.#trusted);
    const refusal = this.#waiting.refusal(client);
    if (refusal !== null) {
      this.#refusals.count('images');
      throw new HttpError('TOO_MANY', `imageId: ${refusal}`, { field: 'imageId', headers: { 'retry-after': '5' } });
    }
    const leave = this.#waiting.take(client);
    const { signal } = request;
    try {
      const jpeg = await this.#images.get(imageId, signal);
      if (jpeg !== null) return jpeg;
    } catch (thrown) {
      // Nobody reads the reply to a client that left.
      if (!signal.aborted) throw thrown;
    } finally {
      leave();
    }
    throw new HttpError('IMAGE_EXPIRED', `imageId: there is no picture ${imageId} (any more)`, {
      field: 'imageId',
      value: imageId,
    });
  }
}
