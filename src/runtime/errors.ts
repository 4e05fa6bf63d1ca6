/** Every code of a {@link RuntimeError} and its meaning. A test keeps the table of docs/runtime.md the same. */
export const RUNTIME_ERRORS = {
  BAD_DEFINITION: 'an actor or supervisor was defined with a value outside its range',
  ASK_TIMEOUT: 'no reply came within the time the sender gave',
  MAILBOX_FULL: 'the mailbox was full and its policy refused the message',
  ACTOR_DEAD: 'there is no actor at this path, or it stopped before it could answer',
  ACTOR_FAILED: 'the actor failed while it held this message',
  START_TIMEOUT: 'the actor did not finish starting in time',
  THREAD_EXITED: 'the worker thread of the actor ended by itself',
  RESTART_INTENSITY: 'children failed more often than the restart intensity allows',
  DUPLICATE_CHILD: 'a child of that name exists',
  NOT_DYNAMIC: 'this supervisor takes no children at run time',
  STASH_FULL: 'an actor stashed more messages than the bound allows',
  PROCESS_EXITED: 'the process of the actor ended by itself',
  STOPPING: 'the actor is being stopped',
} as const;
export type RuntimeErrorCode = keyof typeof RUNTIME_ERRORS;

/** An error of the actor runtime: stable `code`, `fields` to log, `cause` where there is one. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
  readonly code: RuntimeErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: RuntimeErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}

/** `START_TIMEOUT` of the actor at `path`. */
export const startTimeout = (path: string, startTimeoutMs: number): RuntimeError =>
  new RuntimeError('START_TIMEOUT', `${path} did not start within ${startTimeoutMs} ms`, { path, startTimeoutMs });

/** Whatever was thrown, as an Error. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });

/** An error as plain data, for workers and log lines. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly stack: string | null;
}

export function serializeError(thrown: unknown): SerializedError {
  const error = asError(thrown);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : null;
  return { name: error.name, message: error.message, code, stack: error.stack ?? null };
}

/** The other end of {@link serializeError}; `code` is kept. */
export function deserializeError(from: SerializedError): Error {
  const error = new Error(from.message);
  error.name = from.name;
  if (from.stack !== null) error.stack = from.stack;
  return from.code === null ? error : Object.assign(error, { code: from.code });
}
