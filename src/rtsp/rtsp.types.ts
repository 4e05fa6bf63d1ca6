import type { Resolver } from '../infra/names.ts';
import type { SourceAllow } from '../infra/source-policy.ts';
import type { Clock } from '../runtime/clock.ts';
import type { AccessUnit, VideoCodec } from '../video/access-unit.ts';

/** `auto`: TCP, and UDP when the camera refuses TCP. */
export const RTSP_TRANSPORTS = ['auto', 'tcp', 'udp'] as const;
export type RtspTransport = (typeof RTSP_TRANSPORTS)[number];

export interface RtspSessionOptions {
  /** The camera's, with its password. */
  readonly url: string;
  /** Hosts to which the camera may redirect; null for all but the forbidden addresses. */
  readonly allow: SourceAllow | null;
  readonly transport: RtspTransport;
  /** SHA-256 of the camera's certificate, 64 hex digits, in place of a verified chain; null for a verified one. */
  readonly certificateSha256: string | null;
  /** Longest pause between keep-alives, in ms, for a camera that ends sessions early; null: half of its time-out. */
  readonly keepAliveMs?: number | null;
  readonly clock: Clock;
  /** Default: the system's. */
  readonly names?: Resolver;
  /** The camera plays: once, before the first access unit. */
  readonly onPlaying: (stream: RtspStream) => void;
  readonly onUnit: (unit: AccessUnit) => void;
  /** The session is over, called once unless `stop` was called before. */
  readonly onEnd: (end: SessionEnd) => void;
}

/** The video track of a session. */
export interface RtspStream {
  readonly codec: VideoCodec;
  readonly transport: 'tcp' | 'udp';
}

/** Why a session ended. */
export interface SessionEnd {
  readonly code: SessionEndCode;
  /** For people, without secrets: what happened and what to do. Continues "camera gate-3: ...". */
  readonly message: string;
  /** Least pause before the next attempt, in ms; null for the usual one. */
  readonly retryAfterMs: number | null;
}

export const SESSION_END_CODES = [
  /** No address, no connection, or a connection that broke. */
  'UNREACHABLE',
  /** The address, or that of a redirect, may not be read. */
  'REFUSED_ADDRESS',
  /** User or password are missing or wrong, or the login method is unknown. */
  'LOGIN',
  /** The certificate is not trusted. */
  'CERTIFICATE',
  /** The camera has no room for another session: 453, 503 and the like. */
  'BUSY',
  /** The camera answers a needed request with an error. */
  'REFUSED',
  /** No video track of a known codec. */
  'NO_VIDEO',
  /** Bytes that are no RTSP, RTP or SDP, or out of their bounds. */
  'BROKEN',
  /** No answer, or no packets, for too long. */
  'SILENT',
  /** The camera ended the stream. */
  'ENDED',
] as const;
export type SessionEndCode = (typeof SESSION_END_CODES)[number];

/** One attempt to play a camera. */
export interface RtspSession {
  /** Epoch ms of the newest packet of video; null before the first. */
  readonly lastPacketAt: number | null;
  /** Bytes received since the start. */
  readonly bytes: number;
  /** RTP packets that never arrived. */
  readonly lost: number;
  /** Pictures that were not passed on: damaged, too large, or without the keyframe that they need. */
  readonly droppedPictures: number;
  /** Sends TEARDOWN where a session exists and closes all sockets. Resolves within 1 s. */
  stop(): Promise<void>;
}

/** Begins at once. Never throws: failures come by `onEnd`. */
export type OpenRtsp = (options: RtspSessionOptions) => RtspSession;
