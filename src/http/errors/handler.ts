import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { redactShort, redactText } from '../../infra/redact.ts';
import { AccountError } from '../../users/account-error.ts';
import { HttpError } from './http-error.ts';
import { safeValue } from './safe-value.ts';
import { PLAIN_HEADERS } from './raw-refusal.ts';
import { methodsAt, type RouteTable } from './route-table.ts';

/** Most characters of one part of a path. */
export const MAX_PARAMETER = 200;

/** Answers every failed request with an {@link ErrorBody}. Internal errors are logged, and answered without details. */
export function installErrorHandling(app: FastifyInstance, log: ActorLog, routes: RouteTable): void {
  app.setErrorHandler((error: FastifyError | HttpError | Error, request, reply) => {
    const answer = error instanceof HttpError ? error : translate(error, request, routes);
    if (answer.statusCode >= 500 && answer.code !== 'ROLE_ELSEWHERE') {
      log.error(
        {
          method: request.method,
          path: pathOf(request),
          code: answer.code,
          error: redactText(error.message),
          stack: redactText(error.stack ?? ''),
        },
        `${request.method} ${pathOf(request)} failed: ${redactText(error.message)}`,
      );
    }
    return send(reply, answer);
  });
  app.setNotFoundHandler((request, reply) => send(reply, nothingThere(request, routes)));
}

function nothingThere(request: FastifyRequest, routes: RouteTable): HttpError {
  // A path with too long a part does not match its route, and ends here.
  const parts = rawPath(request).split('/');
  if (parts.some((part) => part.length > MAX_PARAMETER)) return partTooLong(request);
  const path = pathOf(request);
  const allowed = methodsAt(routes, path);
  if (allowed.length === 0) {
    return new HttpError('UNKNOWN_ROUTE', `path: there is nothing at ${path}`, { field: 'path', value: path });
  }
  const allow = allowed.join(', ');
  return new HttpError('METHOD_NOT_ALLOWED', `method: ${path} takes ${allow}, not ${request.method}`, {
    field: 'method',
    value: request.method,
    headers: { allow },
  });
}

/** Answers paths that the router refuses before any hook runs: undecodable ones, and those with too long a part. */
export function refuseUnrouted(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const answer = translate(error, request, NO_ROUTES);
  if (request.raw.headers.upgrade !== undefined) reply.raw.once('finish', () => request.raw.destroy());
  send(reply.headers(PLAIN_HEADERS), answer);
}

const NO_ROUTES: RouteTable = new Map();

const send = (reply: FastifyReply, error: HttpError): FastifyReply =>
  reply
    .code(error.statusCode)
    .headers(error.headers)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(error.body());

/** The path without its query, which may hold the token. */
const pathOf = (request: FastifyRequest): string => String(safeValue('path', rawPath(request)));

const rawPath = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

const partTooLong = (request: FastifyRequest): HttpError =>
  new HttpError('BAD_REQUEST', `path: a part of it has more than ${MAX_PARAMETER} characters`, {
    field: 'path',
    value: pathOf(request),
  });

/** Fastify's own errors, by code. */
const FASTIFY_ERRORS: Readonly<Record<string, (request: FastifyRequest) => HttpError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ({ headers, routeOptions }) =>
    new HttpError('BODY_TOO_LARGE', `body: must have at most ${routeOptions.bodyLimit} bytes`, {
      field: 'body',
      value: Number(headers['content-length'] ?? 0) || null,
    }),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ({ headers }) => {
    const type = safeValue('content-type', headers['content-type']);
    return new HttpError('WRONG_CONTENT_TYPE', `content-type: must be application/json, not ${type || 'nothing'}`, {
      field: 'content-type',
      value: type,
    });
  },
  FST_ERR_BAD_URL: (request) =>
    new HttpError('BAD_REQUEST', 'path: holds a % that is not followed by the hex digits of UTF-8', {
      field: 'path',
      value: pathOf(request),
    }),
  FST_ERR_MAX_PARAM_LENGTH: partTooLong,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ({ headers }) =>
    new HttpError('BAD_REQUEST', 'content-length: does not match the body', {
      field: 'content-length',
      value: safeValue('content-length', headers['content-length']),
    }),
};

/** Codes of other rooms for a change that could not be saved. */
const UNWRITABLE: ReadonlySet<string> = new Set(['DISK_FULL', 'NOT_WRITABLE']);

/** Codes of other rooms for temporary failures. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  'BUS_DOWN',
  'REDIS_DOWN',
  'ASK_TIMEOUT',
  'MAILBOX_FULL',
  'ACTOR_DEAD',
  'ACTOR_FAILED',
  'STOPPING',
]);

/** The reply to an error of Fastify's or of a port. */
function translate(error: FastifyError | Error, request: FastifyRequest, routes: RouteTable): HttpError {
  if (error instanceof AccountError) return accountRefusal(error);
  const code = 'code' in error ? error.code : '';
  const known = Object.hasOwn(FASTIFY_ERRORS, code) ? FASTIFY_ERRORS[code] : undefined;
  if (known !== undefined) return known(request);
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  if (status === 408) return new HttpError('REQUEST_TIMEOUT', 'the request did not arrive in time');
  // From @fastify/static, for paths that no file can have (`..`, two slashes, too long). A 403 of Gantry's own is an
  // HttpError.
  if (status === 403) return nothingThere(request, routes);
  if (status >= 400 && status < 500) return new HttpError('BAD_REQUEST', redactShort(error.message));
  const why = redactShort(asError(error).message);
  if (UNWRITABLE.has(code)) return new HttpError('NOT_SAVED', `nothing was changed: ${why}`, { cause: error });
  if (UNAVAILABLE.has(code))
    return new HttpError('UNAVAILABLE', `this cannot be answered now: ${why}`, { cause: error });
  return new HttpError('INTERNAL', 'this is an internal error of Gantry; its log says more', { cause: error });
}

function accountRefusal({ code, message, field, retryAfter }: AccountError): HttpError {
  const headers: Record<string, string> = retryAfter === null ? {} : { 'retry-after': String(retryAfter) };
  return new HttpError(code, message, { field, headers });
}
