import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { AddressRanges } from '../../infra/address-ranges.ts';
import { imageMadeAt, RequestId } from '../../messages/ids.ts';
import type { Principal } from '../../messages/principal.ts';
import type { StoredClip } from '../../messages/wanted.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { CameraScope } from '../access/camera-scope.ts';
import { HttpError } from '../errors/http-error.ts';
import { ConnectionLimit } from '../feed/connection-limit.ts';
import type { Refusals } from '../intake/intake-refusals.ts';
import { takePlace } from '../intake/take-place.ts';
import type { HttpPorts } from '../ports.ts';
import { TicketQuery } from '../schemas/tickets-schema.ts';
import type { App } from '../server.types.ts';
import { type ByteRange, byteRange } from './byte-range.ts';

/** Clips sent at once: in all, and to one address. Each has a part of 512 kB in memory. */
const MOST_SENT = 64;
const MOST_SENT_PER_ADDRESS = 16;
/** Time to read a clip, or its part: the largest at 2.5 Mbit/s. */
const SEND_MS = 120_000;
/** A clip is stored about this long after its alert's frame; it is still awaited until the second age. */
const READY_MS = 8_000;
const AWAITED_MS = 20_000;

export interface ClipDeps {
  readonly clips: HttpPorts['clips'];
  readonly cameras: Pick<HttpPorts['cameras'], 'alertCamera'>;
  readonly scope: Pick<CameraScope, 'sees'>;
  readonly clock: Clock;
  readonly trusted: AddressRanges;
  readonly refusals: Refusals;
}

/** `/api/alerts/{id}/clip.mp4`: the video around an alert, whole or in part. */
export function clipRoutes(app: App, deps: ClipDeps): void {
  const sender = new ClipSender(deps);
  app.get(
    '/api/alerts/:id/clip.mp4',
    {
      config: { access: 'viewer', scope: 'filtered' },
      schema: {
        tags: ['alerts'],
        summary: 'Video from 5 s before to 5 s after the frame of an alert; takes the header Range',
        params: z.object({ id: RequestId }),
        querystring: TicketQuery,
        produces: ['video/mp4'],
      },
    },
    (request, reply) => sender.send(request.params.id, request, reply),
  );
}

class ClipSender {
  readonly #deps: ClipDeps;
  readonly #sent = new ConnectionLimit(MOST_SENT, MOST_SENT_PER_ADDRESS, 'downloads of clips');

  constructor(deps: ClipDeps) {
    this.#deps = deps;
  }

  async send(id: RequestId, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { clips, clock } = this.#deps;
    // The refusal is that of a clip that does not exist.
    const record = (await this.#sees(request.principal, id)) ? await clips.find(id) : null;
    if (record === null) throw notFound(id, imageMadeAt(id), clock.now());
    if (record.outcome === 'none') throw missing(id, record.reason);
    const etag = `"${id}"`;
    const range = byteRange(rangeOf(request, etag), record.bytes);
    if (range === 'unsatisfiable')
      throw new HttpError('RANGE_NOT_SATISFIABLE', `range: the clip has ${record.bytes} bytes`, {
        field: 'range',
        value: request.headers.range ?? null,
        headers: { 'content-range': `bytes */${record.bytes}`, 'accept-ranges': 'bytes' },
      });
    const { first, last } = range ?? { first: 0, last: record.bytes - 1 };
    // Fastify takes the length of any other empty body for that of the clip.
    const body =
      request.method === 'HEAD' ? Readable.from([]) : await this.#open(id, record, { first, last }, request, reply);
    if (range !== null) reply.code(206).header('content-range', `bytes ${first}-${last}/${record.bytes}`);
    return reply
      .type('video/mp4')
      .headers({
        'accept-ranges': 'bytes',
        etag,
        'content-length': last + 1 - first,
        // An id always names the same clip.
        'cache-control': 'private, max-age=300, immutable',
      })
      .send(body);
  }

  async #sees(principal: Principal, id: RequestId): Promise<boolean> {
    const { cameras, scope } = this.#deps;
    if (principal.groups === null) return true;
    const cameraId = await cameras.alertCamera(id);
    return cameraId !== null && scope.sees(principal, cameraId);
  }

  /** The clip's bytes, with their first part read: when that is gone, there is no clip any more. */
  async #open(
    id: RequestId,
    clip: StoredClip,
    { first, last }: ByteRange,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Readable> {
    const { clips, clock, trusted, refusals } = this.#deps;
    const leave = takePlace(this.#sent, request, { trusted, refusals, reason: 'clips', field: 'id' });
    const timer = clock.setTimeout(() => reply.raw.destroy(), SEND_MS);
    reply.raw.once('close', () => {
      clock.clearTimeout(timer);
      leave();
    });
    const parts = clips.read(id, clip, first, last);
    try {
      const begun = await parts.next();
      return Readable.from(rest(begun, parts), { objectMode: false });
    } catch (thrown) {
      throw isGone(thrown) ? missing(id, 'it made room for newer ones') : thrown;
    }
  }
}

async function* rest(
  begun: IteratorResult<Uint8Array, void>,
  parts: AsyncGenerator<Uint8Array, void, undefined>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    if (begun.done !== true) yield begun.value;
    yield* parts;
  } finally {
    await parts.return();
  }
}

/** A part of another version of the clip would be of no use: then all of it is sent (RFC 9110, 13.1.5). */
function rangeOf({ headers }: FastifyRequest, etag: string): string | undefined {
  const ifRange = headers['if-range'];
  return ifRange === undefined || ifRange === etag ? headers.range : undefined;
}

function notFound(id: RequestId, madeAt: number | null, now: number): HttpError {
  const age = madeAt === null ? AWAITED_MS : now - madeAt;
  if (age < 0 || age >= AWAITED_MS) return missing(id, 'it was never made, or is no longer kept');
  const seconds = Math.max(1, Math.ceil((READY_MS - age) / 1_000));
  return new HttpError('CLIP_NOT_FOUND', `id: the clip is ready in about ${seconds} s`, {
    field: 'id',
    value: id,
    headers: { 'retry-after': String(seconds) },
  });
}

const missing = (id: RequestId, reason: string): HttpError =>
  new HttpError('CLIP_NOT_FOUND', `id: there is no clip of this alert: ${reason}`, { field: 'id', value: id });

const isGone = (thrown: unknown): boolean => thrown instanceof Error && 'code' in thrown && thrown.code === 'CLIP_GONE';
