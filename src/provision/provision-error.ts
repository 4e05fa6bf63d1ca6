/** Every code a {@link ProvisionError} can carry, with what it means. */
export const PROVISION_ERRORS = {
  PROGRAM_MISSING: 'a program Gantry needs is neither on PATH nor in its npm package',
  NO_APT: "this machine has no apt, so Debian's packages are out of reach",
  DOWNLOAD_FAILED: 'a package could not be downloaded',
  UNPACK_FAILED: 'a downloaded package could not be unpacked, or lacks an expected file',
  LOCK_TIMEOUT: 'another process prepared the same thing for too long',
  BAD_FOOTAGE: 'the footage cannot be read as video',
  CONVERT_FAILED: 'ffmpeg could not convert the footage',
  COMMAND_FAILED: 'a program ended with an error, could not be started, or took too long',
} as const;
export type ProvisionErrorCode = keyof typeof PROVISION_ERRORS;

/** A required program or file cannot be provided. `message` says what happened and what to do. */
export class ProvisionError extends Error {
  override readonly name = 'ProvisionError';
  readonly code: ProvisionErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: ProvisionErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}

/** Called with lines of plain text for people, at most a few a second. */
export type OnProgress = (line: string) => void;
