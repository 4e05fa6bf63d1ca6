import type { ServiceLog, ServiceState } from './service.ts';

/** One path of the server, fed by one looping ffmpeg. */
export interface RtspStreamOptions {
  /** Path of the URL: letters, digits, `-`, `_`, at most 64. */
  readonly name: string;
  /** H.264 file that can be looped: see `ensureDemoFootage`. */
  readonly file: string;
  /** Login that clients need. Default: none. */
  readonly auth?: RtspAuth;
  /** Answer to every request for the stream: a status, 300 to 399, and a location. */
  readonly redirect?: { readonly status: number; readonly location: string };
  /** Describe media by absolute URLs, as many cameras do. Default false. */
  readonly absoluteControl?: boolean;
}

/** Login of a stream. */
export interface RtspAuth {
  readonly username: string;
  readonly password: string;
  /** Default `basic`. The others are Digest: Basic is offered too then, but not accepted. */
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

/** State of one stream, and counts since the server started. */
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
  /** Sends again, from the next keyframe on. */
  resume(name: string): void;
  /** Ends clients, feeders and the listener within 5 s. A second call waits for the first. */
  stop(): Promise<void>;
}
