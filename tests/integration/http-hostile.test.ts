import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ErrorBody, HttpError } from '../../src/http/errors/http-error.ts';
import type { HttpPorts } from '../../src/http/ports.ts';
import { FakeWorld } from '../support/http-fakes.ts';
import { head, serve, served, upgrade } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

const upload = (body: string): string =>
  head(
    'POST /api/assessments HTTP/1.1',
    'Host: localhost',
    'Content-Type: multipart/form-data; boundary=X',
    `Content-Length: ${body.length}`,
  ) + body;

describe('pictures handed in', () => {
  it('are the bytes that were sent, also when the parser gives them in pieces of a few bytes', async (t) => {
    let received = '';
    class Reading extends FakeWorld {
      override ports(): HttpPorts {
        const submit: HttpPorts['assessments']['submit'] = async ({ picture }) => {
          received = 'bytes' in picture ? Buffer.from(picture.bytes).toString('latin1') : '';
          throw new HttpError('IMAGE_REFUSED', 'no');
        };
        return { ...super.ports(), assessments: { submit, get: async () => null } };
      }
    }
    const { raw } = await serve(t, {}, new Reading());
    // Much of it could be the beginning of a border.
    const picture = Array.from({ length: 300_000 }, (_, at) => (at % 7 === 0 ? '\r\n--' : String(at % 10))).join('');
    const file = head('--X', 'Content-Disposition: form-data; name="image"; filename="x.jpg"');
    const connection = raw().write(upload(`${file}${picture}\r\n--X--\r\n`));
    assert.equal(await connection.status(), 422, connection.received);
    assert.equal(received.length, picture.length);
    assert.ok(received === picture);
  });

  it('are not read on after the first part that is refused', async (t) => {
    const { raw } = await serve(t);
    const part = head('--X', 'Content-Disposition: form-data; name="priority"').concat('1\r\n');
    const connection = raw().write(upload(part.repeat(100_000)));
    assert.equal(await connection.status(), 400, connection.received);
    assert.equal((await connection.json())['message'], 'priority: must be given once');
    await until('the connection to be closed', () => connection.closed);
    assert.ok(connection.socket.bytesWritten > 5_000_000, 'all of it was sent');
  });
});

it('the description of the API is made into text once, however often a stranger asks', async (t) => {
  const { base, server } = await serve(t, { token: 'tok-1234567890' });
  let made = 0;
  const make = server.app.swagger.bind(server.app);
  const counted = (): unknown => {
    made += 1;
    return make();
  };
  Object.defineProperty(server.app, 'swagger', { value: counted, configurable: true });
  const ask = async (): Promise<string> => (await fetch(`${base}/docs/json`)).text();
  const first = await ask();
  assert.equal(JSON.parse(first).openapi, '3.1.0');
  assert.equal(await ask(), first);
  assert.equal((await fetch(`${base}/docs/json`, { method: 'HEAD' })).status, 200);
  assert.equal(made, 1);
});

it('a request with two hosts is refused: a proxy may have looked at the other', async (t) => {
  const { raw } = await serve(t);
  const connection = raw().write(head('GET /api/cameras HTTP/1.1', 'Host: localhost', 'HOST: evil.example'));
  assert.equal(await connection.status(), 400);
  assert.equal((await connection.json())['message'], 'host: must be given once');
});

describe('what the packages behind the server refuse', () => {
  const suite = served();
  for (const [what, from, to] of [
    ['version', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Version: 99'],
    ['key', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Key: x'],
    ['protocol', 'Host: localhost', 'Host: localhost\r\nSec-WebSocket-Protocol: a,,a'],
  ] as const) {
    it(`has the shape of every error: a WebSocket with a wrong ${what}`, async () => {
      const connection = suite().raw().write(upgrade('/ws').replace(from, to));
      assert.equal(await connection.status(), 400);
      const body = await connection.json();
      assert.ok(ErrorBody.safeParse(body).success, connection.received);
      assert.equal(body['field'], 'upgrade');
      await until('the connection to be closed', () => connection.closed);
    });
  }

  for (const path of ['/api//cameras', '/%2e%2e/%2e%2e/x.js', '/a%00b', '//evil.example/', '/\\x.js']) {
    it(`is answered as an address that is not there: ${path}`, async () => {
      const connection = suite()
        .raw()
        .write(head(`GET ${path} HTTP/1.1`, 'Host: localhost'));
      assert.equal(await connection.status(), 404);
      assert.equal((await connection.json())['code'], 'UNKNOWN_ROUTE');
    });
  }

  it('says that a part of the path is too long, however long it is', async () => {
    for (const length of [300, 5_000, 15_000]) {
      const connection = suite()
        .raw()
        .write(head(`GET /api/cameras/${'a'.repeat(length)} HTTP/1.1`, 'Host: localhost'));
      assert.equal(await connection.status(), 400);
      assert.match(String((await connection.json())['message']), /^path: a part of it has more than 200 characters/u);
    }
  });
});
