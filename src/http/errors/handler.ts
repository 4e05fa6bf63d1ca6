import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ActorLog } from '../../runtime/actor.ts';
import { asError } from '../../runtime/errors.ts';
import { redactShort, redactText } from '../../infra/redact.ts';
import { HttpError } from './http-error.ts';
import { safeValue } from './safe-value.ts';
import { PLAIN_HEADERS } from './raw-refusal.ts';
import { methodsAt, type RouteTable } from './route-table.ts';

/** Characters of one part of a path. */
export const MAX_PARAMETER = 200;

/** Makes every failure of a request an {@link ErrorBody}; faults of ours are logged, and told without their inside. */
export function installErrorHandling(app: FastifyInstance, log: ActorLog, routes: RouteTable, bodyLimit: number): void {
  app.setErrorHandler((error: FastifyError | HttpError | Error, request, reply) => {
    const answer = error instanceof HttpError ? error : translate(error, request, bodyLimit, routes);
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
  // The router takes a path with too long a part for one of the pages'.
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

/** Answers what the router refuses before any hook runs: paths that cannot be decoded, or with too long a part. */
export function refuseUnrouted(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const answer = translate(error, request, 0, NO_ROUTES);
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
export const pathOf = (request: FastifyRequest): string => String(safeValue('path', rawPath(request)));

const rawPath = (request: FastifyRequest): string => request.url.split('?', 1)[0] ?? '';

const partTooLong = (request: FastifyRequest): HttpError =>
  new HttpError('BAD_REQUEST', `path: a part of it has more than ${MAX_PARAMETER} characters`, {
    field: 'path',
    value: pathOf(request),
  });

/** Fastify's own errors, and whatever a port rejects with. */
function translate(
  error: FastifyError | Error,
  request: FastifyRequest,
  bodyLimit: number,
  routes: RouteTable,
): HttpError {
  const code = 'code' in error ? error.code : '';
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new HttpError('BODY_TOO_LARGE', `body: must have at most ${bodyLimit} bytes`, {
        field: 'body',
        value: Number(request.headers['content-length'] ?? 0) || null,
      });
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return wrongType(safeValue('content-type', request.headers['content-type']));
    case 'FST_ERR_BAD_URL':
      return new HttpError('BAD_REQUEST', 'path: holds a % that is not followed by the hex digits of UTF-8', {
        field: 'path',
        value: pathOf(request),
      });
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return partTooLong(request);
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return new HttpError('BAD_REQUEST', 'content-length: does not match the body', {
        field: 'content-length',
        value: safeValue('content-length', request.headers['content-length']),
      });
    default:
  }
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  if (status === 408) return new HttpError('REQUEST_TIMEOUT', 'the request did not arrive in time');
  // What no file of a page can be called: `..`, two slashes, too long. Nothing of ours forbids without saying what.
  if (status === 403) return nothingThere(request, routes);
  if (status >= 400 && status < 500) return new HttpError('BAD_REQUEST', redactShort(error.message));
  if (UNWRITABLE.has(code)) {
    return new HttpError('NOT_SAVED', `nothing was changed: ${redactShort(asError(error).message)}`, { cause: error });
  }
  if (UNAVAILABLE.has(code)) {
    const why = redactShort(asError(error).message);
    return new HttpError('UNAVAILABLE', `this cannot be answered now: ${why}`, { cause: error });
  }
  return new HttpError('INTERNAL', 'this is a fault of Gantry; its log says more', { cause: error });
}

/** What kept a change from being saved. */
const UNWRITABLE: ReadonlySet<string> = new Set(['DISK_FULL', 'NOT_WRITABLE']);

const wrongType = (type: string | number | boolean | null): HttpError =>
  new HttpError('WRONG_CONTENT_TYPE', `content-type: must be application/json, not ${type || 'nothing'}`, {
    field: 'content-type',
    value: type,
  });

/** Failures of other rooms that pass by themselves. */
const UNAVAILABLE: ReadonlySet<string> = new Set([
  'BUS_DOWN',
  'REDIS_DOWN',
  'ASK_TIMEOUT',
  'MAILBOX_FULL',
  'ACTOR_DEAD',
  'ACTOR_FAILED',
  'STOPPING',
]);
