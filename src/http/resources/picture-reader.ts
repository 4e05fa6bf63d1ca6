import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import type { ImageId } from '../../messages/ids.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import { ConnectionLimit } from '../feed/connection-limit.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import { takePlace } from '../intake/take-place.ts';
import type { HttpPorts } from '../ports.ts';

/** Requests that may wait for a picture at once: in all, and from one address. Anyone can make up a young id. */
const MAX_WAITING = 128;
const MAX_WAITING_PER_ADDRESS = 32;

export interface PictureReaderOptions {
  readonly images: HttpPorts['images'];
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/**
 * Answers requests with stored JPEGs. A frame is published before its JPEGs are stored, so a request for a young one
 * waits, up to 5 s, as long as its client stays connected.
 */
export class PictureReader {
  readonly #images: HttpPorts['images'];
  readonly #scope: Pick<CameraScope, 'sees'>;
  readonly #trusted: AddressRanges;
  readonly #refusals: Refusals;
  readonly #waiting = new ConnectionLimit(
    MAX_WAITING,
    MAX_WAITING_PER_ADDRESS,
    'requests for pictures that are not stored yet',
  );

  constructor({ images, scope, trusted, refusals }: PictureReaderOptions) {
    this.#images = images;
    this.#scope = scope;
    this.#trusted = trusted;
    this.#refusals = refusals;
  }

  /**
   * Sends the JPEG. Throws `IMAGE_EXPIRED`, which no cache keeps, also for a picture of a camera outside the scope, or
   * `TOO_MANY` when too many requests wait.
   */
  async send(imageId: ImageId, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    try {
      const jpeg =
        request.principal.groups === null
          ? ((await this.#images.find(imageId)) ?? (await this.#await(imageId, request)))
          : await this.#readInScope(imageId, request);
      return reply.type('image/jpeg').send(Buffer.from(jpeg.buffer, jpeg.byteOffset, jpeg.byteLength));
    } catch (thrown) {
      reply.removeHeader('cache-control');
      throw thrown;
    }
  }

  /** As the picture says of which camera it is; one that does not say is in nobody's scope. */
  async #readInScope(imageId: ImageId, request: FastifyRequest): Promise<Uint8Array> {
    let stored = await this.#images.findStored(imageId);
    if (stored === null) {
      await this.#await(imageId, request);
      stored = await this.#images.findStored(imageId);
    }
    const cameraId = stored?.cameraId ?? null;
    if (stored === null || cameraId === null || !this.#scope.sees(request.principal, cameraId)) throw expired(imageId);
    return stored.jpeg;
  }

  async #await(imageId: ImageId, request: FastifyRequest): Promise<Uint8Array> {
    const leave = takePlace(this.#waiting, request, {
      trusted: this.#trusted,
      refusals: this.#refusals,
      reason: 'images',
      field: 'imageId',
    });
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
    throw expired(imageId);
  }
}

const expired = (imageId: ImageId): HttpError =>
  new HttpError('IMAGE_EXPIRED', `imageId: there is no picture ${imageId} (any more)`, {
    field: 'imageId',
    value: imageId,
  });
