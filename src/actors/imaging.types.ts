import type { Size } from '../decoding/decoding.types.ts';
import type { MarkedRegion } from '../imaging/encode-job.ts';
import type { CameraId, RequestId } from '../messages/ids.ts';
import { address } from '../runtime/ref.ts';

/** An analysed frame. JPEGs of it can be had under its ids as long as the ingest has its stream. */
export interface AnalysedFrame {
  readonly cameraId: CameraId;
  readonly requestId: RequestId;
  /** When its picture arrived, epoch ms: with the camera's id it names the picture. */
  readonly at: number;
  /** Of the camera's picture as shown, in px. */
  readonly display: Size;
  /** The crop of each group, and the boxes and numbers of its members, in px of a picture of this size. */
  readonly width: number;
  readonly height: number;
  readonly regions: readonly (MarkedRegion & { readonly groupIndex: number })[];
  /** The JPEG of the frame is made at once: the next frame comes when this one's stream is gone. */
  readonly isRare: boolean;
}

export type ImagingMessage = { readonly type: 'remember' } & AnalysedFrame;

export const IMAGING = address<ImagingMessage>('/imaging');
