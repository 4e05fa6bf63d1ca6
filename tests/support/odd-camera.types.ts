import type { CameraLogin } from './camera-login.ts';
import type { Film } from './film.ts';

/** How a camera behaves and misbehaves. May be changed while it runs, by `OddCamera.set`. */
export interface Habits {
  /** User and password that it asks for. Default: none. */
  readonly login?: CameraLogin | undefined;
  /** DESCRIBE is answered once this resolves. Default: at once. */
  readonly describeAfter?: Promise<void>;
  /** Between the answer to PLAY and the first packet. */
  readonly firstPacketDelayMs?: number;
  /** No sprop parameter sets in the SDP. */
  readonly noParameterSets?: boolean;
  /** Offers: TCP, UDP, or both (default). What it doesn't offer is answered 461. */
  readonly transport?: 'tcp' | 'udp' | 'both';
  /** Sends no UDP packet, as if a firewall stood between. */
  readonly blocksUdp?: boolean;
  /** An audio track first, whose SETUP answers 500. */
  readonly badAudio?: boolean;
  /** DESCRIBE is answered 302 with this Location. */
  readonly redirect?: string | undefined;
  /** Sessions at once. A further SETUP is answered 453. */
  readonly maxSessions?: number;
  /** How long a session counts whose connection ended without TEARDOWN. Default 60000. */
  readonly lingerMs?: number;
  /** Closes a connection that sent no request for so long. */
  readonly dropAfterMs?: number;
  /** In the Session header, in s; null for none. Default 60. */
  readonly timeoutSeconds?: number | null;
  /** Leaves GET_PARAMETER out of Public, and answers it 501. */
  readonly noGetParameter?: boolean;
  /** Every `everyMs` of a session its timestamps jump back by `byMs`. */
  readonly timestampsBack?: { readonly everyMs: number; readonly byMs: number };
  /** Bytes that are no RTSP between packets, so often. */
  readonly garbageEveryMs?: number;
  /** Sends no more after so long in a session; the connection stays. */
  readonly stopAfterMs?: number;
  /** Closes the connection after so long in a session. */
  readonly endAfterMs?: number;
  /** After so long in a session it sends another film, with other parameter sets and perhaps another size. */
  readonly second?: { readonly film: Film; readonly afterMs: number };
  /** Leaves CSeq out of its answers. */
  readonly noCseq?: boolean;
  /** Lines end with LF alone. */
  readonly lfOnly?: boolean;
  /** `content-base`, `CONTENT-BASE`. Default: as in the RFC. */
  readonly headerCase?: 'lower' | 'upper';
  /** Packets before the answer to PLAY. */
  readonly dataBeforePlayReply?: boolean;
  /** Interleaved channels in the answer to SETUP: as asked (default), 6-7, or left out. */
  readonly channels?: 'asked' | 'others' | 'left-out';
  /** Control URL of the video track. Default `relative`. */
  readonly control?: 'relative' | 'absolute' | 'star';
  /** What relative control URLs refer to. Default `base`, a Content-Base with a slash at its end. */
  readonly contentBase?: 'base' | 'no-slash' | 'location' | 'none';
  /** Packets of a channel that nobody set up. */
  readonly strangeChannel?: boolean;
  /** Every nth RTP packet is lost. */
  readonly loseEvery?: number;
  /** UDP: every nth packet comes after its successor. */
  readonly swapEvery?: number;
  /** Sender reports once a second. */
  readonly senderReports?: boolean;
  /** Of the first RTP packet. Default 1. */
  readonly firstSequence?: number;
  /** Of the first picture of the film, in ticks. Default 0. */
  readonly firstTimestamp?: number;
  /** Answers instead of the usual one; null for the usual. With `{CSeq}` where it belongs, LF for line ends. */
  readonly answer?: ((request: CameraRequest) => string | null) | undefined;
  /** SDP instead of the usual one. */
  readonly sdp?: string | undefined;
}

export interface OddCameraOptions extends Habits {
  readonly film: Film;
  /**
   * `live` (default): the film runs in a loop from the camera's start on, and each client joins it where it is.
   * `manual`: pictures are sent by {@link OddCamera.send} only.
   */
  readonly pace?: 'live' | 'manual';
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default: a free one. */
  readonly port?: number;
  /** RTSPS. Contents of PEM files. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export interface CameraRequest {
  readonly method: string;
  readonly url: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
}

export interface OddCamera {
  /** `rtsp://127.0.0.1:PORT/live`, or `rtsps`. */
  readonly url: string;
  readonly port: number;
  /** All requests, in order. */
  readonly requests: readonly CameraRequest[];
  /** Start lines of the answers of clients to the camera's own requests. */
  readonly answers: readonly string[];
  /** RTCP packets of clients. */
  readonly reports: readonly Buffer[];
  /** Packets of clients that came to the UDP ports for RTP: they open firewalls. */
  readonly punches: number;
  /** Connections that play now. */
  readonly playing: number;
  /** Sessions that count for `maxSessions` now. */
  readonly sessions: number;
  readonly connections: number;
  /** Changes habits; those of the session hold from the next request or picture on. */
  set(habits: Habits): void;
  /** Sends the next `count` pictures at once to all that play. Default 1. */
  send(count?: number): void;
  /** Writes these bytes on every connection. */
  write(bytes: Buffer | string): void;
  /** Resets every connection. */
  drop(): void;
  /** The next request is refused as if its nonce were too old. */
  renewNonce(): void;
  stop(): Promise<void>;
}
