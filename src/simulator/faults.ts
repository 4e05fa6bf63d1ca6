import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { SimulatedAnswer } from './simulated-answer.ts';

/** Refusals and wrappings of real providers. */
export const FAULTS = [
  'ok-but-error',
  'gzip',
  'stream-only',
  'streamed',
  'stream-error',
  'max-completion-tokens',
  'no-temperature',
  'no-system-role',
  'json-thinking',
  'json-vllm-old',
  'unspecific',
  'thinking-on',
  'no-extra-fields',
  'one-picture',
  'arrears',
  'gemini-429',
  'retry-epoch',
  'inspection',
  'html-200',
  'model-missing',
  'region',
  'proxy-login',
] as const;
export type Fault = (typeof FAULTS)[number];
export const isFault = (kind: string): kind is Fault => (FAULTS as readonly string[]).includes(kind);

/** The fields of a request's body, some of which provoke a fault. */
export type AskedFields = Readonly<Record<string, unknown>>;

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const error = (status: number, message: string, more: object = {}): Reply => ({
  status,
  body: { error: { message, ...more } },
});

const THINKING = 'parameter.enable_thinking must be set to false for non-streaming calls';

/** The refusal of a request by each fault; null when it is answered well. */
const REFUSALS: Partial<Readonly<Record<Fault, (asked: AskedFields) => Reply | null>>> = {
  'ok-but-error': () => error(200, 'Rate limit exceeded', { code: 429 }),
  'stream-only': (asked) =>
    asked['stream'] === true
      ? null
      : error(400, 'This model only support stream mode, please enable the stream parameter to access the model. ', {
          code: 'invalid_parameter_error',
        }),
  'max-completion-tokens': (asked) =>
    'max_tokens' in asked
      ? error(
          400,
          "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
          { param: 'max_tokens', code: 'unsupported_parameter' },
        )
      : null,
  'no-temperature': (asked) =>
    'temperature' in asked
      ? error(
          400,
          "Unsupported value: 'temperature' does not support 0 with this model. " +
            'Only the default (1) value is supported.',
          { param: 'temperature', code: 'unsupported_value' },
        )
      : null,
  'no-system-role': (asked) =>
    JSON.stringify(asked['messages']).includes('"role":"system"')
      ? error(400, 'System role not supported', { code: 'invalid_request' })
      : null,
  'json-thinking': (asked) =>
    'response_format' in asked
      ? error(400, 'Json mode response is not supported when enable_thinking is true', {
          code: 'invalid_parameter_error',
        })
      : null,
  'json-vllm-old': (asked) =>
    'response_format' in asked
      ? {
          status: 400,
          body: {
            object: 'error',
            message: 'response_format json_schema is not supported',
            type: 'BadRequestError',
            param: null,
            code: 400,
          },
        }
      : null,
  unspecific: (asked) => ('response_format' in asked ? error(400, 'Bad request') : null),
  'thinking-on': (asked) =>
    asked['enable_thinking'] === false ? null : error(400, THINKING, { code: 'invalid_parameter_error' }),
  'one-picture': (asked) =>
    (JSON.stringify(asked['messages']).match(/"type":"image_url"/gu)?.length ?? 0) > 1
      ? {
          status: 400,
          body: {
            object: 'error',
            message: 'At most 1 image(s) may be provided in one request.',
            type: 'BadRequestError',
            param: null,
            code: 400,
          },
        }
      : null,
  'no-extra-fields': (asked) =>
    'enable_thinking' in asked ? error(400, 'Unrecognized request argument supplied: enable_thinking') : null,
  arrears: () =>
    error(400, 'Access denied, please make sure your account is in good standing.', {
      type: 'Arrearage',
      code: 'Arrearage',
    }),
  'gemini-429': () => ({
    status: 429,
    body: [
      {
        error: {
          code: 429,
          message: 'You exceeded your current quota. Please retry in 3.5s.',
          details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3.5s' }],
        },
      },
    ],
  }),
  'retry-epoch': () => ({
    ...error(429, 'slow down'),
    headers: { 'retry-after': String(Math.floor(Date.now() / 1_000) + 2) },
  }),
  inspection: () => error(400, 'Input data may contain inappropriate content.', { code: 'data_inspection_failed' }),
  'html-200': () => ({ status: 200, body: '<html>Just a moment...</html>', headers: { 'content-type': 'text/html' } }),
  'model-missing': () =>
    error(404, 'The model `sim-vl` does not exist or you do not have access to it.', { code: 'model_not_found' }),
  region: () =>
    error(403, 'Country, region, or territory not supported', { code: 'unsupported_country_region_territory' }),
  'proxy-login': () => ({
    status: 401,
    body: '<html><head><title>Sign in to the network</title></head></html>',
    headers: { 'content-type': 'text/html' },
  }),
};

/** Sends the fault's refusal and returns its status; null when the request is answered well, perhaps wrapped. */
export function sendFault(response: ServerResponse, fault: Fault, asked: AskedFields): number | null {
  const reply = REFUSALS[fault]?.(asked) ?? null;
  if (reply === null) return null;
  const { status, body, headers = {} } = reply;
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  return status;
}

/** Sends a good answer in the fault's wrapping. False when the fault wraps nothing. */
export function sendWrapped(
  response: ServerResponse,
  fault: Fault | null,
  asked: AskedFields,
  completion: object,
  answer: SimulatedAnswer,
): boolean {
  if (fault === 'gzip') {
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
      .end(gzipSync(JSON.stringify(completion)));
    return true;
  }
  if (asked['stream'] !== true && fault !== 'streamed' && fault !== 'stream-error') return false;
  const text = JSON.stringify(answer);
  const pieces = [text.slice(0, 20), text.slice(20, 45), text.slice(45)].map((content) => ({
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  }));
  const end = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
  const usage = { choices: [], usage: { prompt_tokens: 700, completion_tokens: 50, total_tokens: 750 } };
  const failure = { error: { message: 'Rate limit exceeded', code: 429 } };
  const events = fault === 'stream-error' ? [...pieces.slice(0, 1), failure] : [...pieces, end, usage];
  const head = { id: 'chatcmpl-sim', object: 'chat.completion.chunk', model: 'sim-vl' };
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of events) response.write(`data: ${JSON.stringify({ ...head, ...event })}\n\n`);
  response.end('data: [DONE]\n\n');
  return true;
}
