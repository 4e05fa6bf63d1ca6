/** Every code a {@link StorageError} can carry. */
export const STORAGE_ERRORS = {
  DISK_FULL: 'a file could not be written, because the disk or the quota is full',
  NOT_WRITABLE: 'a file could not be written: its folder is read-only, belongs to somebody else, or fails',
  NOT_READABLE: 'a file is there and cannot be read, or is no file',
  TOO_LARGE: 'a file or a text is larger than it may be',
  MALFORMED: 'a file or a text is not what it should be',
} as const;
export type StorageErrorCode = keyof typeof STORAGE_ERRORS;

/** A file could not be written or read. `message` names it and says what to do, without any of its content. */
export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(
    code: StorageErrorCode,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}

/** The system's own code (`ENOSPC`), or null. */
export const systemCode = (error: unknown): string | null =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;

const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** The error of a failed write to `path`; it names the folder. A {@link StorageError} is returned unchanged. */
export function writeFailure(path: string, folder: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const code = systemCode(error);
  if (code !== null && FULL.has(code)) {
    const message = `${path} could not be written: the disk of ${folder} is full (${code}); make room there`;
    return new StorageError('DISK_FULL', message, { path, folder, system: code }, error);
  }
  const why = code ?? (error instanceof Error ? error.message : String(error));
  const message = `${path} could not be written (${why}): check that ${folder} is a folder which this user may write`;
  return new StorageError('NOT_WRITABLE', message, { path, folder, system: code }, error);
}
