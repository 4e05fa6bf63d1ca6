/** `starting` until it first answers; `down` between an unexpected end and its restart; `stopped` for good. */
export type ServiceState = 'starting' | 'running' | 'down' | 'stopped';

/** Where a service writes what an operator wants to know: fields first, as pino does. A pino logger fits. */
export interface ServiceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A server that Gantry itself runs because the operator named none. */
export interface EmbeddedService {
  /** `nats` or `redis`. */
  readonly name: string;
  /** Where clients connect, with user and password, all rights; the same over restarts. For tools: keep it secret. */
  readonly url: string;
  /** The same for Gantry's own clients: a user with no more rights than they need, where the server knows such. */
  readonly ownUrl: string;
  /** What answers there: `nats-server`, `redis-server`, or `stand-in`. */
  readonly kind: string;
  /** Version as the program gives it; null when it gives none. */
  readonly version: string | null;
  /** Whether what is written survives the end of Gantry. */
  readonly durable: boolean;
  /** What an operator must know about this service (log, health, page); null when there is nothing to say. */
  readonly notice: string | null;
  state(): ServiceState;
  /** Process id while one runs; null when down, stopped, or in this process. */
  pid(): number | null;
  /** Times it was started again after an unexpected end. */
  restarts(): number;
  /** Ends it within 5 s: asked first, killed at the deadline. A second call waits for the first. */
  stop(): Promise<void>;
}

/** What a {@link ManagedProcess} shows of itself. */
interface Running {
  state(): ServiceState;
  pid(): number | null;
  restarts(): number;
  stop(): Promise<void>;
}

/** A server that runs as a child process and keeps what is written. */
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

/** Told of each change of state, in order. */
export type OnServiceState = (state: ServiceState) => void;

/** Every code an {@link EmbeddedError} can carry, with what it means. */
export const EMBEDDED_ERRORS = {
  SPAWN_FAILED: 'the program could not be started at all',
  EXITED_EARLY: 'the program ended before it was ready',
  NOT_READY: 'the program did not become ready in time',
  FOLDER_IN_USE: 'another living Gantry runs this service in the same data folder',
  BAD_STREAM: 'a stream of the RTSP server was asked for by a name it does not have, or defined badly',
  NO_FREE_PORT: 'no port could be bound',
} as const;
export type EmbeddedErrorCode = keyof typeof EMBEDDED_ERRORS;

/** An embedded service could not do what was asked; `message` says what happened and what to do. */
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
