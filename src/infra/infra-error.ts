/** Every code an {@link InfraError} can carry. */
export const INFRA_ERRORS = {
  BUS_DOWN: 'NATS cannot be reached',
  BUS_REFUSED: 'NATS refused the message or the request',
  IMAGE_TOO_LARGE: 'a JPEG is over the size a message may have',
  CLIP_TOO_LARGE: 'a clip is over the size that is kept',
  CLIP_GONE: 'parts of a clip were removed from the store',
  REDIS_DOWN: 'Redis cannot be reached',
  REDIS_REFUSED: 'Redis holds something else under this key',
  CONFIG_INVALID: 'a configuration value is missing or out of range',
} as const;
export type InfraErrorCode = keyof typeof INFRA_ERRORS;

/** An error of NATS, Redis or the configuration: stable `code`, `fields` to log, `cause` where there is one. */
export class InfraError extends Error {
  override readonly name = 'InfraError';
  readonly code: InfraErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;

  constructor(code: InfraErrorCode, message: string, fields: Readonly<Record<string, unknown>> = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.fields = fields;
  }
}

/** True when a later attempt may succeed: NATS does not answer, or its disk is full. */
export const isBusDown = (thrown: unknown): boolean => thrown instanceof InfraError && thrown.code === 'BUS_DOWN';
