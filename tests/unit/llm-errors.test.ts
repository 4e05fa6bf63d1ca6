import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { err, named, outcome } from '../support/provider-errors.ts';

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
  ] as const) {
    it(`${provider}: ${status} ${JSON.stringify(body).slice(0, 70)} is ${meaning}`, () => {
      assert.equal(named(outcome(status, body)), meaning);
    });
  }
});
