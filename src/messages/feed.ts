import { z } from 'zod';
import type { Aggregate } from './aggregate.ts';
import type { Alarm } from './alarm.ts';
import type { AlertHandling, Shelf } from './alert-handling.ts';
import type { CameraStatus } from './camera.ts';
import { CameraId, IsoTime } from './ids.ts';

/**
 * A place in the feed, `{epoch}-{sequence}`. The epoch names one incarnation of the stream behind the feed; the
 * sequence counts its messages from 1, and 0 is before the first.
 */
export const FeedOffset = z
  .string()
  .regex(
    /^[0-9a-z]{1,16}-(0|[1-9][0-9]{0,14})$/,
    'must be an offset as messages of the feed carry it, like mb2k3x9a-1234',
  );
export type FeedOffset = z.infer<typeof FeedOffset>;

/** A {@link FeedOffset}, parsed. */
export interface FeedPlace {
  readonly epoch: string;
  readonly seq: number;
}

export const feedOffset = ({ epoch, seq }: FeedPlace): FeedOffset => `${epoch}-${seq}`;

export function feedPlace(offset: FeedOffset): FeedPlace {
  const dash = offset.indexOf('-');
  return { epoch: offset.slice(0, dash), seq: Number(offset.slice(dash + 1)) };
}

/** The messages of a viewer on `/ws`. */
export const FeedRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ping'), data: z.unknown().optional() }),
  z.object({
    type: z.literal('subscribe'),
    data: z
      .object({
        /** Cameras to follow; an empty list, or none, means every camera. */
        cameraIds: z.array(CameraId).max(1000).optional(),
        /** The greatest offset that the viewer has seen: alerts after it are sent first. */
        since: FeedOffset.optional(),
        /**
         * The newest time in a message that the viewer has seen: alerts are searched from there if `since` is unusable.
         */
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
  /** Its offset is older than the oldest message kept. */
  | 'too_old'
  /** It missed more than is sent again. */
  | 'too_much'
  /** Its offset is of another incarnation of the stream. */
  | 'other_stream'
  /** The stream was lost, or dropped messages before they were read. */
  | 'stream_lost'
  /** Messages exist that cannot be read now; they are sent later. */
  | 'unreachable';

export interface FeedGap {
  /** The feed is complete up to `from`, and again from `to` on; null when there is no such place. */
  readonly from: FeedOffset | null;
  readonly to: FeedOffset | null;
  readonly reason: GapReason;
  /** Messages missed, all cameras together; null when unknown. */
  readonly missed: number | null;
  /** Every alert stored since then was sent; null when alerts may be missing: `history` has them. */
  readonly alertsSince: string | null;
  /** Path of the alert history, with this server's base path. */
  readonly history: string;
}

export interface FeedLag {
  /** Frames replaced by newer ones before they were sent to this viewer, since the last `lag` message. */
  readonly framesSkipped: number;
  /** Bytes queued and unsent for this viewer. */
  readonly bytesWaiting: number;
  /** The newest offset sent before the first of those frames; null when there was none. */
  readonly since: FeedOffset | null;
}

/**
 * The messages of the server on `/ws`. `offset` promises that every alert up to it was sent, this message included; a
 * returning viewer names the greatest offset that it has seen. Messages whose place is unknown have none.
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
  /** `announce`: the operator is to be called. The others revise an alarm, or tell a new viewer of it. */
  | { readonly type: 'alarm'; readonly data: Alarm & { readonly announce: boolean } }
  | { readonly type: 'gap'; readonly offset?: FeedOffset; readonly data: FeedGap }
  /** Somebody acknowledged an alert of a followed camera, gave a verdict, or took one back. */
  | { readonly type: 'alert_handling'; readonly data: AlertHandling }
  /** All shelves that hold now and that the viewer may see, after one was added, removed or ended. */
  | { readonly type: 'shelves'; readonly data: { readonly shelves: readonly Shelf[] } }
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
