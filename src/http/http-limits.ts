/** Bounds of the HTTP room. All sizes in bytes, all times in milliseconds. */
export interface HttpLimits {
  /** Largest body of a request; over it: 413. */
  readonly bodyBytes: number;
  /** Time for the headers of a request, and for the whole request, to arrive; over it: 408. */
  readonly headersTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** A connection without a request is closed after this. */
  readonly keepAliveMs: number;
  /** A body must be whole, or bring at least `paceBytes`, in each `paceMs`; else: 408. */
  readonly paceMs: number;
  readonly paceBytes: number;
  /**
   * Open connections in all, and from one address (the /64 of an IPv6 address) that is no trusted proxy. At either the
   * longest idle one is closed for a new one; when none is idle, the new one is refused with 429.
   */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Pictures read or assessed at a time: in all, from one address, and their bytes; over it: 429. */
  readonly maxUploads: number;
  readonly maxUploadsPerAddress: number;
  readonly uploadBytes: number;
  /** WebSockets in all and from one address (a proxy that is not a trusted one is one address); over it: 429. */
  readonly maxSockets: number;
  readonly maxSocketsPerIp: number;
  /** Largest message a viewer may send; over it the socket is closed with 1009. */
  readonly messageBytes: number;
  /** Unsent bytes of a viewer above which only its newest frames are kept and alerts are queued. */
  readonly softBytes: number;
  /** Unsent and queued bytes of a viewer above which it is closed with 1013. */
  readonly hardBytes: number;
  /** Alerts queued for one viewer; over it the viewer is closed with 1013 and can resume. */
  readonly alertQueue: number;
  /** Shortest time between two `lag` messages to a slow viewer. */
  readonly lagEveryMs: number;
  /** Alerts kept in memory for returning viewers, and their bytes; at either bound the oldest are dropped. */
  readonly logAlerts: number;
  readonly logBytes: number;
  /** Messages of the stream read again for viewers that return after a restart; over it: a gap. */
  readonly replayMessages: number;
  /** How far back alerts of the history are sent to a viewer with an unusable offset and no time. */
  readonly alertsBackMs: number;
  /** Malformed messages after which a viewer is closed with 1008. */
  readonly maxBadMessages: number;
  /** Messages a viewer may send per second, with a burst of twice as many; more are answered with an error. */
  readonly messagesPerSecond: number;
  /** Between pings; a viewer that has not answered the last one is dropped. */
  readonly heartbeatMs: number;
  /** Cameras whose live video is encoded at the same time (one ffmpeg each); over it: 503. */
  readonly maxPreviews: number;
  /** Cameras whose own H.264 is sent at the same time; over it: 503. */
  readonly maxLiveStreams: number;
  /** How long a reader or an encoder keeps running after its last viewer left. */
  readonly previewGraceMs: number;
}

/**
 * Of routes whose body may hold a scene, in bytes and in fields and list entries: the largest scene has about 14,000,
 * and 150 kB in numbers of 15 digits.
 */
export const SCENE_BODY = { bodyLimit: 256 * 1024, config: { jsonParts: 16_384 } } as const;

export const DEFAULT_LIMITS: HttpLimits = {
  bodyBytes: 64 * 1024,
  headersTimeoutMs: 5_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 10_000,
  paceMs: 5_000,
  paceBytes: 64 * 1024,
  maxConnections: 4_096,
  maxConnectionsPerAddress: 512,
  maxUploads: 18,
  maxUploadsPerAddress: 12,
  uploadBytes: 128 * 1024 * 1024,
  maxSockets: 1_000,
  maxSocketsPerIp: 100,
  messageBytes: 64 * 1024,
  softBytes: 512 * 1024,
  hardBytes: 8 * 1024 * 1024,
  alertQueue: 1_000,
  lagEveryMs: 1_000,
  logAlerts: 5_000,
  logBytes: 32 * 1024 * 1024,
  replayMessages: 5_000,
  alertsBackMs: 3_600_000,
  maxBadMessages: 10,
  messagesPerSecond: 20,
  heartbeatMs: 20_000,
  maxPreviews: 8,
  maxLiveStreams: 64,
  previewGraceMs: 3_000,
};
