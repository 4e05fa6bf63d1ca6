import { z } from 'zod';
import type { Aggregate } from './aggregate.ts';
import type { CameraStatus } from './camera.ts';
import { CameraId, IsoTime } from './ids.ts';

/** A place in the feed, `{epoch}-{sequence}`: the epoch names one life of the stream behind it, the sequence counts its messages from 1; 0 is before the first. */
export const FeedOffset = z
  .string()
  .regex(
    /^[0-9a-z]{1,16}-(0|[1-9][0-9]{0,14})$/,
    'must be an offset as messages of the feed carry it, like mb2k3x9a-1234',
  );
export type FeedOffset = z.infer<typeof FeedOffset>;

/** A {@link FeedOffset} taken apart. */
export interface FeedPlace {
  readonly epoch: string;
  readonly seq: number;
}

export const feedOffset = ({ epoch, seq }: FeedPlace): FeedOffset => `${epoch}-${seq}`;

export function feedPlace(offset: FeedOffset): FeedPlace {
  const dash = offset.indexOf('-');
  return { epoch: offset.slice(0, dash), seq: Number(offset.slice(dash + 1)) };
}

/** What a viewer may send on `/ws`. */
export const FeedRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ping'), data: z.unknown().optional() }),
  z.object({
    type: z.literal('subscribe'),
    data: z
      .object({
        /** Cameras to follow; an empty list or none at all means every camera. */
        cameraIds: z.array(CameraId).max(1000).optional(),
        /** The greatest offset the viewer has seen: what came after it is sent first. */
        since: FeedOffset.optional(),
        /** The newest time the viewer has seen in a message: where the search for alerts begins when `since` is of no use any more. */
        sinceTime: IsoTime.optional(),
      })
      .optional(),
  }),
  z.object({
    type: z.literal('unsubscribe'),
    data: z.object({ cameraIds: z.array(CameraId).max(1000).optional() }).optional(),
  }),
]);
export type FeedRequest = z.infer<typeof FeedRequest>;

/** Why a viewer may have missed something. */
export type GapReason =
  /** Its offset is older than what is kept, or what was next is gone. */
  | 'too_old'
  /** More was missed than is sent again. */
  | 'too_much'
  /** Its offset is of another life of the stream. */
  | 'other_stream'
  /** The stream was lost, or messages in it before they were read. */
  | 'stream_lost'
  /** Messages exist that cannot be read now; they come when they can. */
  | 'unreachable';

export interface FeedGap {
  /** The last place known to be complete, and the one from which it is again; null when there is none. */
  readonly from: FeedOffset | null;
  readonly to: FeedOffset | null;
  readonly reason: GapReason;
  /** Messages left out, all cameras together; null when nobody can tell. */
  readonly missed: number | null;
  /** Every alert stored since then was sent; null when alerts may be missing: `history` has them. */
  readonly alertsSince: string | null;
  /** Address of the history of alerts, with the base path of this server before it. */
  readonly history: string;
}

export interface FeedLag {
  /** Frames left out for this viewer because newer ones came, since the last `lag` message. */
  readonly framesSkipped: number;
  /** Bytes that wait for this viewer. */
  readonly bytesWaiting: number;
  /** The newest offset sent before the first of those frames was left out; null when there was none. */
  readonly since: FeedOffset | null;
}

/**
 * What the server sends on `/ws`. `offset`: every alert up to there was sent before or is this message; a viewer that
 * comes back says the greatest it has seen. It is left out only when the place is not known.
 */
export type FeedMessage =
  | {
      readonly type: 'connection_ack';
      readonly data: {
        readonly connectionId: string;
        readonly serverTime: string;
        readonly offset: FeedOffset | null;
        readonly retention: { readonly seconds: number; readonly messages: number };
      };
    }
  | { readonly type: 'pong'; readonly data: { readonly serverTime: string } }
  | { readonly type: 'camera_status'; readonly data: CameraStatus }
  | { readonly type: 'detection_result'; readonly offset?: FeedOffset; readonly data: Aggregate }
  | { readonly type: 'alert'; readonly offset?: FeedOffset; readonly data: Aggregate }
  | { readonly type: 'gap'; readonly offset?: FeedOffset; readonly data: FeedGap }
  | { readonly type: 'lag'; readonly data: FeedLag }
  | {
      readonly type: 'error';
      readonly data: {
        readonly code: string;
        readonly message: string;
        readonly field?: string;
        readonly value?: unknown;
      };
    };
