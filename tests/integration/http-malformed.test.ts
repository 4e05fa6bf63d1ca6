import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorBody } from '../../src/http/errors/http-error.ts';
import { head, served } from '../support/raw-http.ts';

describe('requests that are none', () => {
  const suite = served();
  const CASES: Readonly<Record<string, readonly [string, number, string]>> = {
    garbage: ['\x16\x03\x01\x02\x00\x01\r\n\r\n', 400, 'BAD_REQUEST'],
    'no host': ['GET /api/health HTTP/1.1\r\n\r\n', 400, 'BAD_REQUEST'],
    'a host of 15 kB': [`GET /api/health HTTP/1.1\r\nHost: ${'é'.repeat(7_500)}.example\r\n\r\n`, 400, 'BAD_REQUEST'],
    'an origin of 15 kB': [
      `POST /api/assessments HTTP/1.1\r\nHost: localhost\r\nOrigin: http://${'a'.repeat(15_000)}\r\n\r\n`,
      400,
      'BAD_REQUEST',
    ],
    'headers of 20 kB': [
      `GET /api/health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    'a header without a name': ['GET /api/health HTTP/1.1\r\nHost: localhost\r\n: x\r\n\r\n', 400, 'BAD_REQUEST'],
    'a header with a space in its name': [
      'GET /api/health HTTP/1.1\r\nHost: localhost\r\nX Y: x\r\n\r\n',
      400,
      'BAD_REQUEST',
    ],
    'a folded header': ['GET /api/health HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n', 400, 'BAD_REQUEST'],
    'two lengths': [
      'POST /api/cameras HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
      400,
      'BAD_REQUEST',
    ],
    'a length and chunks': [
      'POST /api/cameras HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
      400,
      'BAD_REQUEST',
    ],
    'a negative length': [
      'POST /api/cameras HTTP/1.1\r\nHost: localhost\r\nContent-Length: -2\r\n\r\n{}',
      400,
      'BAD_REQUEST',
    ],
    'a chunk that is none': [
      `${json('').replace('Content-Length: 0', 'Transfer-Encoding: chunked')}zz\r\n`,
      400,
      'BAD_REQUEST',
    ],
    'another expectation': [
      'GET /api/health HTTP/1.1\r\nHost: localhost\r\nExpect: miracles\r\n\r\n',
      417,
      'EXPECTATION_FAILED',
    ],
    CONNECT: ['CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n', 405, 'METHOD_NOT_ALLOWED'],
    'a method nobody knows': ['PROPFIND /api/cameras HTTP/1.1\r\nHost: localhost\r\n\r\n', 405, 'METHOD_NOT_ALLOWED'],
    'a lone %': ['GET /% HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'BAD_REQUEST'],
    'a % that is no UTF-8': ['GET /api/cameras/%ff HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'BAD_REQUEST'],
    'a % in the path of a file': ['GET /app%ff.js HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'BAD_REQUEST'],
    'a parameter of 300 characters': [
      `GET /api/cameras/${'a'.repeat(300)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      400,
      'BAD_REQUEST',
    ],
    'an absolute address': ['GET http://other.example/% HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'BAD_REQUEST'],
    'a NUL in the path': ['GET /api/cameras/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400, 'INVALID_FIELD'],
    'HTTP/3.0': ['GET / HTTP/3.0\r\nHost: localhost\r\n\r\n', 400, 'BAD_REQUEST'],
    'deep JSON': [json('['.repeat(30_000)), 400, 'INVALID_FIELD'],
    'JSON that is no UTF-8': [json('{"cameraId":"\xff"}'), 400, 'MALFORMED_JSON'],
    'a name twice': [json('{"cameraId":"a","cameraId":"b","url":"rtsp://192.0.2.1/x"}'), 400, 'INVALID_FIELD'],
    'a constructor': [
      json('{"cameraId":"a","url":"rtsp://192.0.2.1/x","constructor":{"prototype":{}}}'),
      400,
      'UNKNOWN_FIELD',
    ],
    'JSON for a picture, longer than other JSON': [
      json('x'.repeat(100_000), '/api/assessments'),
      413,
      'BODY_TOO_LARGE',
    ],
  };
  function json(body: string, path = '/api/cameras'): string {
    const type = 'Content-Type: application/json';
    return head(`POST ${path} HTTP/1.1`, 'Host: localhost', type, `Content-Length: ${body.length}`) + body;
  }

  for (const [name, [request, status, code]] of Object.entries(CASES)) {
    it(`such as ${name}, are answered ${status} in the shape of every error`, async () => {
      const connection = suite().raw().write(Buffer.from(request, 'latin1'));
      assert.equal(await connection.status(), status, connection.received.slice(0, 500));
      const body = await connection.json();
      assert.ok(ErrorBody.safeParse(body).success, connection.received.slice(0, 500));
      assert.equal(body['code'], code, connection.received.slice(0, 500));
      assert.ok(connection.received.length < 1_500);
      assert.match(connection.received, /x-content-type-options: nosniff/iu);
    });
  }
});
