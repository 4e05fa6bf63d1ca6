import type { SourceAllow } from '../infra/source-policy.ts';
import type { RtspTransport } from '../rtsp/rtsp.types.ts';

/** How a camera is read. Plain data: it crosses threads. */
export interface StreamSettings {
  /** With its password: never logged, never sent on. */
  readonly url: string;
  readonly transport: RtspTransport;
  readonly certificateSha256: string | null;
  /** Hosts that the camera may redirect to; null for all but the forbidden addresses. */
  readonly allow: SourceAllow | null;
  /** Socket file where the live preview reads the stream; null for none. */
  readonly previewSocket: string | null;
}

/** As the camera registry knows it. */
export type StreamState = 'connecting' | 'online' | 'offline' | 'fault';

export interface BurstOutcome {
  readonly sent: number;
  /** Wanted pictures that were not sent, by reason. */
  readonly missed: { readonly gone: number; readonly undecodable: number; readonly overBudget: number };
}

export type ClipOutcome =
  | {
      readonly ok: true;
      readonly mp4: Uint8Array<ArrayBuffer>;
      /** Of the first and the last picture, epoch ms. */
      readonly from: number;
      readonly to: number;
    }
  | { readonly ok: false; readonly reason: string };

/** Every code that an {@link IngestError} can carry, with what it means. */
export const INGEST_ERRORS = {
  UNKNOWN_CAMERA: 'this ingest does not read the camera',
  GONE: 'the picture is no longer among the last seconds that are kept',
  BAD_SPAN: 'the times asked for are no numbers, in the wrong order, or too far apart',
  TOO_MANY: 'as many requests wait as are allowed',
} as const;
export type IngestErrorCode = keyof typeof INGEST_ERRORS;

/** A request about a camera's stream that cannot be met. */
export class IngestError extends Error {
  override readonly name = 'IngestError';
  readonly code: IngestErrorCode;

  constructor(code: IngestErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
