import { z } from 'zod';
import { HTTP_ERRORS, type HttpErrorCode } from './codes.ts';

/** Body of every error reply. `field` and `value` name the part of the request that was refused. */
export const ErrorBody = z.object({
  code: z.string(),
  message: z.string(),
  field: z.string().nullable(),
  /** The value received, shortened and without secrets; null when there was none. */
  value: z.unknown(),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

/** Thrown by handlers and hooks; the error handler makes the reply. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: HttpErrorCode;
  readonly statusCode: number;
  readonly field: string | null;
  /** Safe to show: see `safeValue`. */
  readonly value: unknown;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: HttpErrorCode,
    message: string,
    about: {
      readonly field?: string | null;
      readonly value?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(message, about.cause === undefined ? undefined : { cause: about.cause });
    this.code = code;
    this.statusCode = HTTP_ERRORS[code][0];
    this.field = about.field ?? null;
    this.value = about.value ?? null;
    this.headers = about.headers ?? {};
  }

  body(): ErrorBody {
    return { code: this.code, message: this.message, field: this.field, value: this.value };
  }
}
