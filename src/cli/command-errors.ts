/** Thrown for invalid arguments. The message names the argument; the command then shows its usage: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Each code of a {@link CommandError} and its meaning. Other codes come from the rooms that a command uses. */
export const COMMAND_ERRORS = {
  NOT_RUNNING: 'no Gantry runs on the data folder, and NATS_URL names no server',
  NOT_REACHABLE: 'a server of the running Gantry does not answer',
  REFUSED: 'the running Gantry refused the request',
  NOT_FOUND: 'the named thing does not exist',
  CHECK_FAILED: 'a check came out badly',
} as const;
export type CommandErrorCode = keyof typeof COMMAND_ERRORS;

/** A failure that the operator can understand and mend: exit code 1, no stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly code: CommandErrorCode;

  constructor(code: CommandErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** The number in `text`, from `min` to `max`. Throws {@link UsageError}, naming `option`. */
export function numberIn(option: string, text: string, min: number, max: number, unit = ''): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (value >= min && value <= max) return value;
  throw new UsageError(`${option}: must be ${unit === '' ? '' : `${unit} `}from ${min} to ${max}, not "${text}"`);
}
