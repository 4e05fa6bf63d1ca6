import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { leastCpuMs } from '../support/cpu-ms.ts';
import { err, outcome } from '../support/provider-errors.ts';

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
      // JSON.parse alone takes up to 50 ms; square time would be minutes.
      const ms = leastCpuMs(() => outcome(429, body), 1_500);
      assert.ok(ms < 1_500, `${ms} ms`);
    });
  }

  it('a code of 200 kB holds nothing up', () => {
    const body = JSON.stringify(err('m', { code: 'r'.repeat(200_000) }));
    const ms = leastCpuMs(() => outcome(400, body), 500);
    assert.ok(ms < 500, `${ms} ms`);
  });
});
