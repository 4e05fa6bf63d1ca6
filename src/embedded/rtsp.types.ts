import type { ServiceLog, ServiceState } from './service.ts';

/** One path of the server, fed by one looping ffmpeg. */
export interface RtspStreamOptions {
  /** Last part of the URL: letters, digits, `-`, `_`, at most 64. */
  readonly name: string;
  /** H.264 file fit for looping: see `ensureDemoFootage`. */
  readonly file: string;
  /** When given, clients must prove that they know these. */
  readonly auth?: RtspAuth;
  /** Answers every request for the stream with this status, 300 to 399, and location. */
  readonly redirect?: { readonly status: number; readonly location: string };
  /** The description names the medium by a whole URL, as many cameras do. Default false: by a relative one. */
  readonly absoluteControl?: boolean;
}

/** How clients of a stream prove who they are. */
export interface RtspAuth {
  readonly username: string;
  readonly password: string;
  /** Default `basic`; the others are Digest, which is offered beside Basic and alone is taken. */
  readonly scheme?: 'basic' | 'md5' | 'sha-256';
  /** Requests after which a nonce is stale, 1 or more. Default: never. */
  readonly requestsPerNonce?: number;
}

export interface RtspServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 (default): any free port. */
  readonly port?: number;
  /** Path of the ffmpeg program. */
  readonly ffmpeg: string;
  readonly streams: readonly RtspStreamOptions[];
  readonly log: ServiceLog;
  /** Connections over all streams, 1 to 10,000; more are refused with 503. Default 512. */
  readonly maxClients?: number;
  /** Bytes that may wait for one client before it is dropped. Default 4 MiB. */
  readonly maxClientBacklog?: number;
}

/** What one stream has done since the server started. */
export interface RtspStreamStats {
  readonly feeder: ServiceState | 'idle';
  readonly feederPid: number | null;
  readonly feederRestarts: number;
  readonly playing: number;
  readonly paused: boolean;
  readonly packets: number;
  /** Clients dropped because they did not read. */
  readonly droppedSlow: number;
}

/** A small RTSP server for demo footage and tests. RTP goes interleaved over the client's TCP connection. */
export interface RtspServer {
  readonly host: string;
  readonly port: number;
  /** `rtsp://host:port/name`, without credentials. Throws `BAD_STREAM` for an unknown name; so do all below. */
  url(name: string): string;
  /** Clients that play this stream now. */
  clients(name: string): number;
  stats(name: string): RtspStreamStats;
  /** Ends connections abruptly, as a camera that loses power does. Without a name: all. Returns how many. */
  dropClients(name?: string): number;
  /** Stops sending without closing anything: a stalled camera. */
  pause(name: string): void;
  /** Goes on, from the next keyframe. */
  resume(name: string): void;
  /** Ends clients, feeders and the listener within 5 s. A second call waits for the first. */
  stop(): Promise<void>;
}
