import type { Size } from '../decoding/decoding.types.ts';
import type { RtspSession, RtspStream } from '../rtsp/rtsp.types.ts';

/** One attempt to play the camera. */
export interface Attempt {
  readonly openedAt: number;
  session: RtspSession | null;
  stream: RtspStream | null;
  playingSince: number;
  /** Newest unit that could be decoded, or whose predecessors are missing. */
  unitAt: number;
  /** Newest unit that can be decoded. */
  heldAt: number;
  /** Units received. */
  units: number;
  picture: { readonly display: Size; readonly at: number } | null;
  failures: number;
  failure: string;
  counted: { bytes: number; lost: number; dropped: number };
}

/** @param now epoch ms */
export const newAttempt = (now: number): Attempt => ({
  openedAt: now,
  session: null,
  stream: null,
  playingSince: now,
  unitAt: now,
  heldAt: now,
  units: 0,
  picture: null,
  failures: 0,
  failure: '',
  counted: { bytes: 0, lost: 0, dropped: 0 },
});
