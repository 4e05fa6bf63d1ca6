import type { Cut, DecodedPicture, Size } from '../decoding/decoding.types.ts';
import type { DecodeTimes } from '../ingest/due-pictures.ts';
import type { BurstOutcome, ClipOutcome, StreamSettings } from '../ingest/stream.types.ts';
import type { CameraId } from '../messages/ids.ts';
import type { Asking } from '../runtime/message.ts';
import { type Address, address } from '../runtime/ref.ts';
import type { Transferred } from '../runtime/transfer.ts';

export type { BurstOutcome, ClipOutcome, StreamSettings } from '../ingest/stream.types.ts';

/** How long a camera is read without a further `follow`, in ms. A camera repeats it every third of that. */
export const FOLLOW_LEASE_MS = 9_000;

/** What the ingest does, for cameras and for those who want pictures or video of one. */
export type IngestMessage =
  /**
   * Reads this camera and sends it a {@link StreamPicture} every `intervalMs`. A lease: repeated by the camera, so that
   * an ingest that was restarted knows it again, and a camera that is gone is read no longer. Unchanged settings change
   * nothing; a session and its ring outlive a restart of the camera's actor.
   */
  | { type: 'follow'; cameraId: CameraId; settings: StreamSettings; intervalMs: number; fit: Size }
  /** The camera is done with the last picture that it was sent, regular or of a look-back: the next may come. */
  | { type: 'analysed'; cameraId: CameraId; burst: boolean }
  | { type: 'unfollow'; cameraId: CameraId }
  /** Whether the processors have time for work that nobody waits for. */
  | ({ type: 'spare' } & Asking<boolean>)
  /** Rejects `UNKNOWN_CAMERA`, `GONE` (no longer in the ring), or as the decoders. */
  | ({ type: 'cut'; cameraId: CameraId; at: number; cuts: readonly Cut[] } & Asking<readonly DecodedPicture[]>)
  /**
   * Decodes the pictures from `from` to `to` (epoch ms, past or coming) at up to `fps` (at most 10) a second and sends
   * each to the camera's actor as a {@link StreamPicture} with `burst`, one at a time, while regular pictures leave
   * room. Answered when the last was sent or dropped. Rejects `UNKNOWN_CAMERA`, `BAD_SPAN` (over 60 s, or ending over
   * 30 s from now), `TOO_MANY`.
   */
  | ({ type: 'burst'; cameraId: CameraId; from: number; to: number; fps: number } & Asking<BurstOutcome>)
  /** The stream from `from` to `to` (epoch ms), copied into an MP4; waits until `to` has passed. Rejects as `burst`. */
  | ({ type: 'clip'; cameraId: CameraId; from: number; to: number } & Asking<ClipOutcome>);

/** A picture of the stream, from the ingest to the camera's actor. */
export type StreamPicture = {
  readonly type: 'picture';
  /** rgb24, scaled down to fit what the camera asked for. */
  readonly data: Transferred<Uint8Array<ArrayBuffer>>;
  readonly width: number;
  readonly height: number;
  /** The picture as shown, in px: boxes are in px of it. */
  readonly display: Size;
  /** When it arrived, epoch ms; with the camera's id it names the picture. */
  readonly at: number;
  /** Of a look-back, not of the regular interval. */
  readonly burst: boolean;
  /** Null for a picture of a look-back. */
  readonly times: DecodeTimes | null;
};

/** The actor of a camera, as the ingest knows it. */
export const cameraAddress = (cameraId: CameraId): Address<StreamPicture> => address(`/cameras/${cameraId}`);

export const INGEST = address<IngestMessage>('/ingest');
