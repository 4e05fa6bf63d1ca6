import { z } from 'zod';
import { MOST } from './bounds.ts';
import { CameraId, ImageId, IsoTime, RequestId } from './ids.ts';
import { SceneChange, SceneConfig } from './scene.ts';

/** Most pictures that one message asks for: a frame, its groups, and their earlier moments. */
const MOST_WANTED = 200;

/** Body of `pictures-wanted`. */
export const PicturesWanted = z.object({ imageIds: z.array(ImageId).min(1).max(MOST_WANTED) });
export type PicturesWanted = z.infer<typeof PicturesWanted>;

/** Body of a request to `clips-wanted.{cameraId}`: the clip of an alert. */
export const ClipWanted = z.object({
  cameraId: CameraId,
  /** The alert's; names the clip. */
  requestId: RequestId,
  /** The alert's frame: the clip is from 5 s before to 5 s after it. */
  timestamp: IsoTime,
});
export type ClipWanted = z.infer<typeof ClipWanted>;

/** Body of a request to `scenes-wanted.{cameraId}`. */
export const SceneWanted = z.object({ cameraId: CameraId });
/** The answer of the node that reads the camera. */
export const SceneAnswer = z.object({
  /** Null: it has none. */
  scene: SceneConfig.nullable(),
  /** Null: none since the node started. An older node does not send it. */
  changed: SceneChange.nullable().default(null),
});
export type SceneAnswer = z.infer<typeof SceneAnswer>;

/** Most bytes of a clip: 10 s of a camera of 25 Mbit/s, and the tables of its file. */
export const MOST_CLIP_BYTES = 34 * 1024 * 1024;

/** The answer to {@link ClipWanted}. `none` is final; after `later` the same request may succeed. */
export const ClipAnswer = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('stored'), bytes: z.int().min(0), from: IsoTime, to: IsoTime }),
  z.object({ outcome: z.literal('none'), reason: z.string().max(MOST.text) }),
  z.object({ outcome: z.literal('later'), reason: z.string().max(MOST.text) }),
]);
export type ClipAnswer = z.infer<typeof ClipAnswer>;

/** The record of an alert's clip in the store: what the clip is like, or why there is none. */
export const ClipRecord = z.discriminatedUnion('outcome', [
  z.object({
    outcome: z.literal('stored'),
    bytes: z.int().min(1).max(MOST_CLIP_BYTES),
    /** Bytes of each part but the last. */
    partBytes: z
      .int()
      .min(1)
      .max(1024 * 1024),
    from: IsoTime,
    to: IsoTime,
  }),
  z.object({ outcome: z.literal('none'), reason: z.string().max(MOST.text) }),
]);
export type ClipRecord = z.infer<typeof ClipRecord>;
export type StoredClip = Extract<ClipRecord, { outcome: 'stored' }>;
