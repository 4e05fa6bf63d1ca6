import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { err, NOW, outcome } from '../support/provider-errors.ts';

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
