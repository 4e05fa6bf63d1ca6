import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { describe, it } from 'node:test';
import { HTTP_ERRORS } from '../../src/http/errors/codes.ts';
import { methodsAt } from '../../src/http/errors/route-table.ts';
import { ConnectionLimit } from '../../src/http/feed/connection-limit.ts';
import { hostAllowed, originAllowed } from '../../src/http/security.ts';

describe('origins and hosts', () => {
  it('lets pages of the same host open a WebSocket, and programs that name none', () => {
    assert.ok(originAllowed('http://gantry.example:8080', 'gantry.example:8080'));
    assert.ok(originAllowed('https://gantry.example', 'gantry.example:443'));
    assert.ok(originAllowed('http://localhost', 'LOCALHOST:80'));
    assert.ok(originAllowed(undefined, 'localhost'));
    for (const origin of ['http://evil.example', 'http://gantry.example:9090', 'null', '', 'http://gantry.example.evil.example:8080']) {
      assert.ok(!originAllowed(origin, 'gantry.example:8080'), origin);
    }
    assert.ok(!originAllowed('http://a', undefined));
  });

  it('answers to addresses and local names, not to public names that nobody allowed', () => {
    for (const host of ['127.0.0.1:8080', '[::1]:8080', '192.0.2.5', 'localhost:1', 'gantry:8080', 'cam.local', 'x.internal', hostname()]) assert.ok(hostAllowed(host, []), host);
    for (const host of ['evil.example:8080', 'rebind.network', '', undefined, '127.0.0.1.evil.example', 'a b']) assert.ok(!hostAllowed(host, []), String(host));
    assert.ok(hostAllowed('gantry.example.org', ['Gantry.example.org']));
  });
});

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
    const routes = new Map([['/api/cameras/:id', new Set(['GET', 'DELETE'])], ['/api/cameras/:id/latest', new Set(['GET'])], ['/*', new Set(['GET'])]]);
    assert.deepEqual(methodsAt(routes, '/api/cameras/x'), ['DELETE', 'GET']);
    assert.deepEqual(methodsAt(routes, '/api/cameras/'), []);
    assert.deepEqual(methodsAt(routes, '/nothing'), []);
  });
});
