import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../src/keys/secret.ts';
import { refusedOutcome, type Failure } from '../../src/llm/failure.ts';
import { errorInAnswer, readProviderError } from '../../src/llm/provider-error.ts';

const secret = new Secret('sk-unit-secret-123456');
const NOW = Date.parse('2026-01-01T00:00:00Z');

/** The outcome of a response with this status and body; of a body of status 200 that is an error. */
function outcome(status: number, body: unknown, headers: Record<string, string> = {}): Failure {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const error =
    status === 200
      ? errorInAnswer(typeof body === 'string' ? body : JSON.parse(text))
      : readProviderError(status, text);
  assert.ok(error !== null, 'it was taken for an answer');
  return refusedOutcome(error, { secret, model: 'm', headers: new Headers(headers), now: NOW });
}

/** As short as a table needs it. */
function named(failure: Failure): string {
  if (failure.kind === 'rate-limited') return `rate-limited ${failure.limit}`;
  return failure.kind === 'rejected-key' ? `rejected-key ${failure.why}` : failure.kind;
}

const err = (message: string, more: object = {}): object => ({ error: { message, ...more } });

describe('what an error means', () => {
  for (const [provider, status, body, meaning] of [
    [
      'OpenAI',
      401,
      err('Incorrect API key provided: sk-abc.', { type: 'invalid_request_error', code: 'invalid_api_key' }),
      'rejected-key bad-key',
    ],
    ['OpenAI', 400, err('Incorrect API key provided.', { code: 'invalid_api_key' }), 'rejected-key bad-key'],
    ['OpenAI', 404, err('Incorrect API key provided.', { code: 'invalid_api_key' }), 'rejected-key bad-key'],
    [
      'OpenAI',
      429,
      err('You exceeded your current quota, please check your plan and billing details.', {
        type: 'insufficient_quota',
        code: 'insufficient_quota',
      }),
      'rate-limited quota',
    ],
    [
      'OpenAI',
      429,
      err('Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000.', {
        type: 'tokens',
        code: 'rate_limit_exceeded',
      }),
      'rate-limited rate',
    ],
    [
      'OpenAI',
      429,
      err('Rate limit reached for requests per day (RPD): Limit 200, Used 200.', {
        type: 'requests',
        code: 'rate_limit_exceeded',
      }),
      'rate-limited day',
    ],
    [
      'OpenAI',
      404,
      err('The model `gpt-5-vision` does not exist or you do not have access to it.', { code: 'model_not_found' }),
      'misconfigured',
    ],
    ['OpenAI', 403, err('Project does not have access to model gpt-4o.', { code: 'model_not_found' }), 'misconfigured'],
    [
      'OpenAI',
      403,
      err('Country, region, or territory not supported', { code: 'unsupported_country_region_territory' }),
      'server-error',
    ],
    [
      'OpenAI',
      400,
      err("This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.", {
        code: 'context_length_exceeded',
      }),
      'rejected-request',
    ],
    [
      'OpenAI',
      400,
      err('Your request was rejected as a result of our safety system.', { code: 'content_policy_violation' }),
      'content-refused',
    ],
    [
      'OpenAI',
      503,
      err('The server is currently overloaded with other requests.', { type: 'server_error' }),
      'server-error',
    ],
    [
      'OpenAI',
      503,
      err('The engine is currently overloaded, please try again later', { code: 'slow_down' }),
      'server-error',
    ],
    [
      'Azure',
      400,
      err('The response was filtered due to the prompt triggering content management policy.', {
        code: 'content_filter',
        innererror: { code: 'ResponsibleAIPolicyViolation' },
      }),
      'content-refused',
    ],
    [
      'Azure',
      404,
      err('The API deployment for this resource does not exist.', { code: 'DeploymentNotFound' }),
      'misconfigured',
    ],
    [
      'Azure',
      429,
      err('Requests have exceeded call rate limit. Please retry after 20 seconds.', { code: '429' }),
      'rate-limited rate',
    ],
    [
      'Azure',
      403,
      err('Access denied due to Virtual Network/Firewall rules.', { code: 'AccessDenied' }),
      'server-error',
    ],
    [
      'DashScope',
      400,
      err('Access denied, please make sure your account is in good standing.', {
        type: 'Arrearage',
        code: 'Arrearage',
      }),
      'rejected-key arrears',
    ],
    ['DashScope', 403, { code: 'AccessDenied.Unpurchased', message: 'Access to model denied.' }, 'misconfigured'],
    [
      'DashScope',
      403,
      err('The free tier of the model has been exhausted.', { code: 'AllocationQuota.FreeTierOnly' }),
      'rate-limited quota',
    ],
    [
      'DashScope',
      429,
      { code: 'Throttling.AllocationQuota', message: 'Allocated quota exceeded.' },
      'rate-limited quota',
    ],
    ['DashScope', 429, err('Request rate increased too quickly.', { code: 'limit_burst_rate' }), 'rate-limited ramp'],
    [
      'DashScope',
      429,
      err('You exceeded your current requests limit.', { code: 'limit_requests' }),
      'rate-limited rate',
    ],
    [
      'DashScope',
      400,
      { code: 'data_inspection_failed', message: 'Input data may contain inappropriate content.' },
      'content-refused',
    ],
    [
      'DashScope',
      400,
      err('<400> InternalError.Algo.DataInspectionFailed: Output data may contain inappropriate content.', {
        code: 'invalid_parameter_error',
      }),
      'content-refused',
    ],
    [
      'DashScope',
      400,
      err('<400> InternalError.Algo.InvalidParameter: The image length and width do not meet the model restrictions.', {
        code: 'invalid_parameter_error',
      }),
      'rejected-request',
    ],
    ['DashScope', 401, { code: 'InvalidApiKey', message: 'Invalid API-key provided.' }, 'rejected-key bad-key'],
    [
      'Gemini',
      400,
      [
        err('API key not valid. Please pass a valid API key.', {
          code: 400,
          status: 'INVALID_ARGUMENT',
          details: [{ reason: 'API_KEY_INVALID' }],
        }),
      ],
      'rejected-key bad-key',
    ],
    [
      'Gemini',
      400,
      [err('User location is not supported for the API use.', { status: 'FAILED_PRECONDITION' })],
      'server-error',
    ],
    [
      'Gemini',
      429,
      [
        err('You exceeded your current quota.', {
          status: 'RESOURCE_EXHAUSTED',
          details: [{ violations: [{ quotaId: 'GenerateRequestsPerDayPerProjectPerModel-FreeTier' }] }],
        }),
      ],
      'rate-limited day',
    ],
    [
      'Gemini',
      503,
      [err('The model is overloaded. Please try again later.', { status: 'UNAVAILABLE' })],
      'server-error',
    ],
    ['Anthropic', 529, { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }, 'server-error'],
    [
      'Anthropic',
      400,
      {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'Your credit balance is too low to access the API.' },
      },
      'rejected-key arrears',
    ],
    [
      'vLLM',
      404,
      { object: 'error', message: 'The model `x` does not exist.', type: 'NotFoundError', code: 404 },
      'misconfigured',
    ],
    [
      'vLLM',
      400,
      {
        object: 'error',
        message: 'At most 0 image(s) may be provided in one request.',
        type: 'BadRequestError',
        code: 400,
      },
      'rejected-request',
    ],
    ['Ollama', 404, { error: 'model "llava" not found, try pulling it first' }, 'misconfigured'],
    ['Ollama', 500, { error: 'llama runner process has terminated: exit status 2' }, 'server-error'],
    [
      'LiteLLM',
      429,
      err('litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached.', {
        type: 'throttling_error',
        code: '429',
      }),
      'rate-limited rate',
    ],
    [
      'LiteLLM',
      400,
      err('litellm.ContentPolicyViolationError: content_policy_violation', { code: '400' }),
      'content-refused',
    ],
    [
      'OpenRouter',
      403,
      err('Your chosen model requires moderation and your input was flagged', {
        code: 403,
        metadata: { reasons: ['violence'] },
      }),
      'content-refused',
    ],
    [
      'OpenRouter',
      402,
      err('Insufficient credits. Add more using https://openrouter.ai/credits', { code: 402 }),
      'rejected-key arrears',
    ],
    [
      'OpenRouter',
      400,
      err('Provider returned error', {
        code: 400,
        metadata: { raw: '{"error":{"code":"data_inspection_failed","message":"no"}}' },
      }),
      'content-refused',
    ],
    ['OpenRouter', 404, err('No endpoints found for some/model.', { code: 404 }), 'misconfigured'],
    ['Zhipu', 429, err('您的账户已欠费，请充值后重试', { code: '1113' }), 'rejected-key arrears'],
    ['Zhipu', 429, err('您当前使用该API的并发数过高', { code: '1302' }), 'rate-limited concurrency'],
    ['Zhipu', 429, err('当前API请求过多，请稍后重试', { code: '1305' }), 'rate-limited rate'],
    ['Zhipu', 400, err('系统检测到输入或生成内容可能包含不安全或敏感内容', { code: '1301' }), 'content-refused'],
    ['Zhipu', 400, err('模型不存在，请检查模型代码', { code: '1211' }), 'misconfigured'],
    [
      'Moonshot',
      429,
      err('Your account is suspended, please check your plan and billing details', {
        type: 'exceeded_current_quota_error',
      }),
      'rate-limited quota',
    ],
    [
      'Moonshot',
      400,
      err('The request was rejected because it was considered high risk', { type: 'content_filter' }),
      'content-refused',
    ],
    [
      'Moonshot',
      429,
      err('The engine is currently overloaded, please try again later', { type: 'engine_overloaded_error' }),
      'server-error',
    ],
    [
      'Volcengine',
      403,
      err('The request failed because your account has an overdue balance.', { code: 'AccountOverdueError' }),
      'rejected-key arrears',
    ],
    [
      'Volcengine',
      404,
      err('The model or endpoint x does not exist.', { code: 'InvalidEndpointOrModel.NotFound' }),
      'misconfigured',
    ],
    [
      'Volcengine',
      400,
      err('The request failed because the input image may contain sensitive information.', {
        code: 'InputImageSensitiveContentDetected',
      }),
      'content-refused',
    ],
    [
      'SiliconFlow',
      403,
      { code: 30001, message: 'Sorry, your account balance is insufficient' },
      'rejected-key arrears',
    ],
    ['SiliconFlow', 401, '"Invalid token"', 'rejected-key bad-key'],
    ['SiliconFlow', 400, { code: 20012, message: 'Model does not exist. Please check it carefully.' }, 'misconfigured'],
    ['SiliconFlow', 503, { code: 50505, message: 'Model service overloaded. Please try again later.' }, 'server-error'],
    [
      'xAI',
      400,
      { code: 'Client specified an invalid argument', error: 'Incorrect API key provided: xa***23.' },
      'rejected-key bad-key',
    ],
    ['DeepSeek', 402, err('Insufficient Balance', { type: 'unknown_error' }), 'rejected-key arrears'],
    ['OneAPI', 503, err('当前分组 default 下对于模型 m 无可用渠道', { type: 'new_api_error' }), 'server-error'],
    [
      'FastAPI',
      422,
      { detail: [{ loc: ['body', 'messages', 1], msg: 'field required', type: 'missing' }] },
      'rejected-request',
    ],
    ['Text-only model', 400, err('This model does not support image input.'), 'misconfigured'],
    ['5xx with a quota text', 500, err('quota exceeded for this account'), 'rate-limited quota'],
    ['503', 503, 'upstream connect error', 'server-error'],
    ['413', 413, '<html><title>413 Request Entity Too Large</title></html>', 'rejected-request'],
    ['424', 424, err('Failed dependency'), 'server-error'],
    ['451', 451, err('Unavailable For Legal Reasons'), 'server-error'],
    ['408', 408, '', 'timeout'],
    ['gateway time-out', 504, '<html><head><title>504 Gateway Time-out</title></head></html>', 'server-error'],
    [
      'Cloudflare 522',
      522,
      '<!DOCTYPE html><title>api.example.com | 522: Connection timed out</title>',
      'server-error',
    ],
    ['Cloudflare 403', 403, '<!DOCTYPE html><html><head><title>Just a moment...</title></head></html>', 'server-error'],
    ['Cloudflare 1015', 429, 'error code: 1015', 'rate-limited rate'],
    ['Cloudflare 1020', 403, 'error code: 1020', 'server-error'],
    ['login page of a proxy', 401, '<html><title>Proxy login</title></html>', 'server-error'],
    ['401 without a word', 401, '', 'rejected-key bad-key'],
    ['403 of an unknown kind', 403, err('Forbidden'), 'rejected-key bad-key'],
    ['IP that is not listed', 403, err('Your IP 10.1.2.3 is not in the whitelist'), 'server-error'],
    ['wrong address', 404, '404 page not found', 'misconfigured'],
    ['redirect', 307, '', 'misconfigured'],
  ] as const) {
    it(`${provider}: ${status} ${JSON.stringify(body).slice(0, 70)} is ${meaning}`, () => {
      assert.equal(named(outcome(status, body)), meaning);
    });
  }

  for (const [provider, body, meaning] of [
    ['OpenAI-like', err('Rate limit exceeded', { code: 429 }), 'rate-limited rate'],
    ['DashScope', { code: 429, message: 'Too many requests' }, 'rate-limited rate'],
    ['DashScope', { code: 'Arrearage', message: 'Access denied' }, 'rejected-key arrears'],
    ['OpenAI-like', err('Internal error'), 'server-error'],
    ['OpenAI-like', { success: false, message: 'Incorrect API key' }, 'rejected-key bad-key'],
    ['Baidu', { error_code: 18, error_msg: 'Open api qps request limit reached' }, 'rate-limited rate'],
    ['Baidu', { error_code: 17, error_msg: 'Open api daily request limit reached' }, 'rate-limited day'],
    ['Baidu', { error_code: 110, error_msg: 'Access token invalid or no longer valid' }, 'rejected-key bad-key'],
    [
      'MiniMax',
      { base_resp: { status_code: 1008, status_msg: 'insufficient balance' }, choices: null },
      'rejected-key arrears',
    ],
    ['MiniMax', { base_resp: { status_code: 1002, status_msg: 'rate limit' } }, 'rate-limited rate'],
    ['MiniMax', { base_resp: { status_code: 1026, status_msg: 'input new_sensitive' } }, 'content-refused'],
    [
      'OpenRouter',
      { choices: [{ error: { code: 502, message: 'Provider disconnected' }, message: { content: '' } }] },
      'server-error',
    ],
    ['vLLM', { object: 'error', message: 'no', code: 400 }, 'rejected-request'],
    ['Ollama', { error: 'model requires more system memory' }, 'server-error'],
    ['Cloudflare', '<html>Just a moment...</html>', 'server-error'],
    ['plain text', 'no healthy upstream', 'server-error'],
  ] as const) {
    it(`an error with status 200: ${provider} ${JSON.stringify(body).slice(0, 70)} is ${meaning}`, () => {
      assert.equal(named(outcome(200, body)), meaning);
    });
  }

  it('takes an answer for an answer, whatever stands beside it', () => {
    const choices = [{ message: { content: '{}' }, finish_reason: 'stop' }];
    for (const beside of [
      {},
      { error: null },
      { code: 0 },
      { code: 200, success: true },
      { base_resp: { status_code: 0 } },
      { error: {} },
      { error_code: 0 },
      { code: 'Success' },
    ])
      assert.equal(errorInAnswer({ choices, ...beside }), null, JSON.stringify(beside));
    assert.equal(errorInAnswer({ choices: [] }), null);
    assert.equal(errorInAnswer(null), null);
  });

  it('shows no key and no long text', () => {
    const found = outcome(400, err(`bad ${secret.reveal()} and sk-other-1234567 ${'x'.repeat(5_000)}`));
    assert.ok(
      'message' in found &&
        found.message.length <= 200 &&
        !found.message.includes('unit-secret') &&
        !found.message.includes('other-123'),
    );
  });
});

describe('the cost of reading an error', () => {
  const large = (size: number): readonly (readonly [string, string])[] => [
    ['a long code', JSON.stringify(err('m', { code: 'x'.repeat(size) }))],
    ['a long message', JSON.stringify(err('image '.repeat(size / 6)))],
    ['a message of spaces', JSON.stringify(err(`retry in${' '.repeat(size)}`))],
    ['digits', JSON.stringify(err(`try again in ${'1'.repeat(size)}`))],
    ['deep nesting', `{"error":${'['.repeat(size)}`],
    ['closed deep nesting', `{"error":${'['.repeat(size / 2)}${']'.repeat(size / 2)}}`],
    ['many fields', `{"error":{${Array.from({ length: size / 12 }, (_, i) => `"k${i}":1`).join()}}}`],
    ['many details', JSON.stringify(err('m', { details: Array.from({ length: size / 10 }, () => ({ reason: 'x' })) }))],
    ['brackets', '<'.repeat(size)],
    ['a page', `<html>${'<title '.repeat(size / 7)}`],
    ['text', 'model '.repeat(size / 6)],
  ];
  for (const [what, body] of large(1_000_000)) {
    it(`${what} of 1 MB holds nothing up`, () => {
      const began = performance.now();
      outcome(429, body);
      const ms = performance.now() - began;
      // JSON.parse itself takes a good part of it.
      assert.ok(ms < 250, `${ms} ms`);
    });
  }

  it('a code of 200 kB takes well under 50 ms', () => {
    const body = JSON.stringify(err('m', { code: 'r'.repeat(200_000) }));
    const began = performance.now();
    outcome(400, body);
    assert.ok(performance.now() - began < 50);
  });
});

describe('the wait a provider asks for', () => {
  const waitOf = (headers: Record<string, string>, body: unknown = err('slow down')): number | null => {
    const found = outcome(429, body, headers);
    assert.ok(found.kind === 'rate-limited');
    return found.retryAfterMs;
  };

  for (const [headers, ms] of [
    [{ 'retry-after': '3' }, 3_000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': '0' }, 100],
    [{ 'retry-after': '20s' }, 20_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }, 9_000],
    [{ 'retry-after': 'Thu, 01 Jan 2026 05:00:09 GMT', date: 'Thu, 01 Jan 2026 05:00:00 GMT' }, 9_000],
    [{ 'retry-after': '3', 'retry-after-ms': '1234' }, 1_234],
    [{ 'retry-after-ms': '1e9' }, null],
    [{ 'retry-after': 'Wed, 31 Dec 2025 23:59:00 GMT' }, null],
    [{ 'retry-after': 'Thu, 01 Jan 2026 02:00:00 GMT' }, null],
    [{ 'retry-after': '1767225602' }, null],
    [{ 'retry-after': '1000000000' }, null],
    [{ 'retry-after': '-5' }, null],
    [{ 'retry-after': 'NaN' }, null],
    [{ 'retry-after': 'Infinity' }, null],
    [{ 'retry-after': 'soon' }, null],
    [{ 'x-ratelimit-reset-requests': '1m30s', 'x-ratelimit-remaining-requests': '0' }, 90_000],
    [{ 'x-ratelimit-reset-tokens': '6ms', 'x-ratelimit-remaining-tokens': '0' }, 100],
    [{ 'x-ratelimit-reset-requests': '30s', 'x-ratelimit-remaining-requests': '7' }, null],
    [{ 'x-ratelimit-reset': '1767225605' }, 5_000],
    [{ 'x-ratelimit-reset': '1767225605500' }, 5_500],
    [{ 'x-ratelimit-reset': '17' }, 17_000],
    [{ 'anthropic-ratelimit-requests-reset': '2026-01-01T00:00:12Z' }, 12_000],
    [{}, null],
  ] as const) {
    it(`${JSON.stringify(headers)} means ${ms}`, () => assert.equal(waitOf(headers), ms));
  }

  for (const [message, ms] of [
    ['You exceeded your current quota. Please retry in 3.5s.', 3_500],
    ['Rate limit reached. Please try again in 20s.', 20_000],
    ['Please try again in 1m2.5s.', 62_500],
    ['Please try again in 120ms.', 120],
    ['Please retry after 20 seconds.', 20_000],
    ['Please wait 2 minutes and try.', 120_000],
    ['请求过多，请在 3 秒后重试', 3_000],
    ['请等待30秒', 30_000],
    ['try again in 99999999 seconds', null],
    ['try again later', null],
    ['limit 5 requests in 1 window', null],
  ] as const) {
    it(`"${message}" means ${ms}`, () => assert.equal(waitOf({}, err(message)), ms));
  }

  it('stands in the details of Google, and in those of OpenRouter', () => {
    const google = [
      { error: { code: 429, message: 'quota', details: [{ '@type': 'RetryInfo', retryDelay: '3.5s' }] } },
    ];
    assert.equal(waitOf({}, google), 3_500);
    const router = err('limit', { metadata: { headers: { 'X-RateLimit-Reset': String(NOW + 7_000) } } });
    assert.equal(waitOf({}, router), 7_000);
  });

  it('may last until the end of the day for a limit of the day', () => {
    assert.equal(waitOf({ 'retry-after': '36000' }, err('Limit of requests per day (RPD) reached')), 36_000_000);
    assert.equal(waitOf({ 'retry-after': '36000' }, err('Limit of requests per minute reached')), null);
  });

  it('is kept by a provider that is away, too', () => {
    const found = outcome(503, err('overloaded'), { 'retry-after': '12' });
    assert.ok(found.kind === 'server-error');
    assert.equal(found.retryAfterMs, 12_000);
  });
});
