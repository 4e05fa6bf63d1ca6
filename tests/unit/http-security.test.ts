import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HTTP_ERRORS } from '../../src/http/errors/codes.ts';
import { methodsAt } from '../../src/http/errors/route-table.ts';
import { ConnectionLimit } from '../../src/http/feed/connection-limit.ts';

describe('connection limit', () => {
  it('refuses over the total and over one address, and counts refusals', () => {
    const limit = new ConnectionLimit(3, 2);
    const first = limit.take('a');
    limit.take('a');
    assert.match(limit.refusal('a') ?? '', /at most 2 .* one address/u);
    assert.equal(limit.refusal('b'), null);
    limit.take('b');
    assert.match(limit.refusal('c') ?? '', /at most 3/u);
    first();
    first();
    assert.equal(limit.refusal('c'), null);
    assert.equal(limit.refusal('a'), null);
    assert.equal(limit.refused, 2);
  });
});

describe('error codes', () => {
  it('have a status of an error and a meaning each', () => {
    for (const [code, [status, meaning]] of Object.entries(HTTP_ERRORS)) {
      assert.match(code, /^[A-Z_]+$/u);
      assert.ok(status >= 400 && status < 600, code);
      assert.ok(meaning.length > 10, code);
    }
  });

  it('know which methods an address takes', () => {
    const routes = new Map([
      ['/api/cameras/:id', new Set(['GET', 'DELETE'])],
      ['/api/cameras/:id/latest', new Set(['GET'])],
      ['/*', new Set(['GET'])],
    ]);
    assert.deepEqual(methodsAt(routes, '/api/cameras/x'), ['DELETE', 'GET']);
    assert.deepEqual(methodsAt(routes, '/api/cameras/x/'), ['DELETE', 'GET']);
    assert.deepEqual(methodsAt(routes, '/api/cameras/'), []);
    assert.deepEqual(methodsAt(routes, '/nothing'), []);
  });
});
