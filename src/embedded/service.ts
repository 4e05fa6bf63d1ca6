/** `starting` until it first answers, `down` between an unexpected end and its restart, `stopped` for good. */
export type ServiceState = 'starting' | 'running' | 'down' | 'stopped';

/** The log of a service. A pino logger fits. */
export interface ServiceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A server that Gantry itself runs because the operator configured none. */
export interface EmbeddedService {
  /** `nats` or `redis`. */
  readonly name: string;
  /** URL with a user of all rights, for the operator's tools; the same over restarts of the server. Secret. */
  readonly url: string;
  /** URL for Gantry's own clients: with a user of fewer rights, where the server has such users. Secret. */
  readonly ownUrl: string;
  /** `nats-server`, `redis-server`, or `stand-in`. */
  readonly kind: string;
  /** As the program prints it; null for the stand-in. */
  readonly version: string | null;
  /** Whether data survives the end of Gantry. */
  readonly durable: boolean;
  /** For the operator (log, health, page); null for none. */
  readonly notice: string | null;
  state(): ServiceState;
  /** Process id while one runs; null when down, stopped, or in this process. */
  pid(): number | null;
  /** Restarts after an unexpected end. */
  restarts(): number;
  /** Ends it within 5 s: SIGTERM, then SIGKILL. A second call waits for the first. */
  stop(): Promise<void>;
}

/** A `ManagedProcess`. */
interface Running {
  state(): ServiceState;
  pid(): number | null;
  restarts(): number;
  stop(): Promise<void>;
}

/** A server that runs as a child process and keeps its data. */
export const serviceOf = (
  running: Running,
  what: Pick<EmbeddedService, 'name' | 'url' | 'ownUrl' | 'kind' | 'version'>,
): EmbeddedService => ({
  ...what,
  durable: true,
  notice: null,
  state: () => running.state(),
  pid: () => running.pid(),
  restarts: () => running.restarts(),
  stop: () => running.stop(),
});

/** Called on each change of state, in order. */
export type OnServiceState = (state: ServiceState) => void;

/** Every code an {@link EmbeddedError} can carry, with what it means. */
export const EMBEDDED_ERRORS = {
  SPAWN_FAILED: 'the program could not be started at all',
  EXITED_EARLY: 'the program ended before it was ready',
  NOT_READY: 'the program did not become ready in time',
  FOLDER_IN_USE: 'another running Gantry uses this service in the same data folder',
  BAD_STREAM: 'a stream of the RTSP server is not known, or its definition is invalid',
  NO_FREE_PORT: 'no port could be bound',
} as const;
export type EmbeddedErrorCode = keyof typeof EMBEDDED_ERRORS;

/** A failure of an embedded service; `message` says what happened and what to do. */
export class EmbeddedError extends Error {
  override readonly name = 'EmbeddedError';
  readonly code: EmbeddedErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: EmbeddedErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}
