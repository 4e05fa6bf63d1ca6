import type { VideoSize } from './mpegts.ts';

/** A viewer of live video. */
export interface PreviewSocket {
  readonly bufferedAmount: number;
  send(data: Uint8Array): void;
  close(code: number, reason: string): void;
}

/** How live video is sent: as the camera sends it, or encoded again for JSMpeg. */
export const LIVE_KINDS = ['h264', 'mpeg1'] as const;
export type LiveKind = (typeof LIVE_KINDS)[number];

/** Unsent bytes of a viewer above which data is skipped: about 5 s of video. */
export const SKIP_ABOVE = 1024 * 1024;

/** Why no viewer can be served with this stream, as the close frame says it. */
export interface StreamRefusal {
  readonly code: number;
  readonly reason: string;
}

/** Sends one camera's video to its viewers. Never waits for a viewer. */
export interface FanOut {
  readonly viewers: number;
  /** Times since the start that video was skipped for a slow viewer. */
  readonly skipped: number;
  join(socket: PreviewSocket): void;
  /** False when it was no viewer. */
  leave(socket: PreviewSocket): boolean;
  /** Data of a new stream follows. */
  begin(): void;
  /** @param size of the picture; null while it is not known */
  push(data: Buffer, size: VideoSize | null): StreamRefusal | null;
  closeAll(code: number, reason: string): void;
}
