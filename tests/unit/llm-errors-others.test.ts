import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorInAnswer } from '../../src/llm/provider-error.ts';
import { err, named, outcome, secret } from '../support/provider-errors.ts';

describe('what an error of other providers, proxies and answers with status 200 means', () => {
  for (const [provider, status, body, meaning] of [
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
