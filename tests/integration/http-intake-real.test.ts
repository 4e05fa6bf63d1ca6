import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WebSocket } from 'ws';
import { ErrorBody, HttpError } from '../../src/http/errors/http-error.ts';
import { AddressRanges } from '../../src/infra/address-ranges.ts';
import { FakeWorld } from '../support/http-fakes.ts';
import { head, RawConnection, serve, served, upgrade } from '../support/raw-http.ts';
import { until } from '../support/until.ts';

/** The beginning of a picture. */
const multipart = (length: number, ...more: readonly string[]): string =>
  head(
    'POST /api/assessments HTTP/1.1',
    'Host: localhost',
    'Content-Type: multipart/form-data; boundary=X',
    `Content-Length: ${length}`,
    ...more,
  ) + head('--X', 'Content-Disposition: form-data; name="image"; filename="x.jpg"', 'Content-Type: image/jpeg');

describe('upgrades to WebSocket', () => {
  const suite = served();
  for (const path of [
    '/nothing',
    '/api/health',
    '/',
    '/api/cameras',
    '/ws/other/north',
    '/ws/live',
    '/index.html',
    '/%',
    '/metrics',
    '/docs/json',
    '/api/cameras/%ff',
    `/api/cameras/${'a'.repeat(300)}`,
  ]) {
    it(`are refused at ${path.slice(0, 30)} in the shape of every error, and the connection is closed`, async () => {
      const { raw, server } = suite();
      const known = server.refused().upgrade;
      const connection = raw().write(upgrade(path));
      assert.ok([400, 404].includes(await connection.status()), connection.received);
      assert.ok(ErrorBody.safeParse(await connection.json()).success, connection.received);
      await until('the connection to be closed', () => connection.closed);
      if (!path.includes('%') && path.length < 100) assert.equal(server.refused().upgrade, known + 1);
    });
  }

  it('with another method, or to another protocol, do not open one', async () => {
    const { raw } = suite();
    const posted = raw().write(upgrade('/ws').replace('GET', 'POST'));
    assert.ok((await posted.status()) >= 400);
    const other = raw().write(upgrade('/api/health').replace('websocket', 'h2c'));
    assert.equal(await other.status(), 200, 'another protocol is no reason to refuse this one');
  });

  it('open at the routes of sockets, with their limit by address', async (t) => {
    const { raw } = await serve(t, { limits: { maxSocketsPerIp: 1 } });
    assert.equal(await raw().write(upgrade('/ws')).status(), 101);
    assert.equal(await raw().write(upgrade('/ws')).status(), 429);
    assert.equal(await raw('127.0.0.2').write(upgrade('/ws')).status(), 101);
  });

  it('behind a trusted proxy count by the address it names; from elsewhere it is not believed', async (t) => {
    const { raw } = await serve(t, {
      limits: { maxSocketsPerIp: 1 },
      trustedProxies: new AddressRanges(['127.0.0.9']),
    });
    const from = (address: string, forwarded: string): Promise<number> =>
      raw(address)
        .write(upgrade('/ws', `X-Forwarded-For: ${forwarded}`))
        .status();
    assert.equal(await from('127.0.0.9', '203.0.113.1'), 101);
    assert.equal(await from('127.0.0.9', '203.0.113.2'), 101);
    assert.equal(await from('127.0.0.9', '6.6.6.6, 203.0.113.2'), 429, 'the address the proxy saw counts');
    assert.equal(await from('127.0.0.1', '203.0.113.3'), 101);
    assert.equal(await from('127.0.0.1', '203.0.113.4'), 429);
  });
});

describe('idle connections', () => {
  it('of one address, 5,000 with half a header each, keep nobody else out', { timeout: 60_000 }, async (t) => {
    const { raw, base, server } = await serve(t);
    const port = Number(new URL(base).port);
    for (let count = 0; count < 5_000; count += 1) {
      raw().write('GET /api/health HTTP/1.1\r\nHost: localhost\r\nX-Half: ');
      if (count % 250 === 249) {
        await new Promise((resolve) => setImmediate(resolve));
        const other = new RawConnection(port, '127.0.0.2').write(
          'GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
        );
        assert.equal(await other.status(), 200, `after ${count + 1}`);
        other.end();
      }
    }
    assert.ok(server.refused().idle > 3_000, JSON.stringify(server.refused()));
    // Not even their own address: whoever sends a whole request is served.
    assert.equal(await raw().write('GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n').status(), 200);
  });

  it('and headers that come slowly are cut in seconds, with the reason', async (t) => {
    const { raw, server } = await serve(t, { limits: { headersTimeoutMs: 1_000, keepAliveMs: 500 } });
    const [silent, slow, kept] = [
      raw(),
      raw().write('GET /api/health HTTP/1.1\r\n'),
      raw().write('GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    ];
    const drip = setInterval(() => slow.write('X-More: 1\r\n'), 200);
    t.after(() => clearInterval(drip));
    assert.equal(await slow.status(), 408);
    assert.equal((await slow.json())['code'], 'REQUEST_TIMEOUT');
    for (const [name, connection] of Object.entries({ silent, slow, kept }))
      // Before the default of 10 s would close them.
      await until(`${name} to be closed`, () => connection.closed, 9_000);
    assert.ok(server.refused().slow >= 1);
  });

  it('of a trusted proxy have no bound of their own', async (t) => {
    const { raw, server } = await serve(t, {
      limits: { maxConnectionsPerAddress: 2 },
      trustedProxies: new AddressRanges(['127.0.0.0/8']),
    });
    const open = Array.from({ length: 10 }, () => raw().write('GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    for (const connection of open) assert.equal(await connection.status(), 200);
    assert.equal(server.refused().idle, 0);
  });

  it('that are all busy keep a new one of their address out, with a reply', async (t) => {
    const { raw } = await serve(t, { limits: { maxConnectionsPerAddress: 2 } });
    for (const connection of [raw(), raw()]) assert.equal(await connection.write(upgrade('/ws')).status(), 101);
    const third = raw().write('GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.equal(await third.status(), 429);
    assert.equal((await third.json())['code'], 'TOO_MANY');
    assert.equal(await raw('127.0.0.2').write('GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n').status(), 200);
  });
});

describe('uploads', () => {
  /** Begins a picture; resolves once the server has given it a place, and so asks for its body. */
  const placed = async (connection: RawConnection, length: number): Promise<RawConnection> => {
    connection.write(multipart(length, 'Expect: 100-continue'));
    await until('a place', () => connection.received.includes('100 Continue'));
    return connection;
  };
  /** The only thing that the server has sent: it asks for the body. */
  const isRead = ({ received }: RawConnection): boolean => /^HTTP\/1\.1 100 Continue\s*$/u.test(received);
  /** Longer than a pause of a busy machine, in which the steady sender stands still as well. */
  const QUICK = { paceMs: 2_000, paceBytes: 64 * 1024 };

  it('beyond the places are refused before their bytes are read, by address and in all', async (t) => {
    const { raw, server } = await serve(t, { limits: { maxUploads: 3, maxUploadsPerAddress: 2 } });
    const reading = await Promise.all([raw(), raw(), raw('127.0.0.2')].map((each) => placed(each, 1_000_000)));
    for (const from of ['127.0.0.1', '127.0.0.3']) {
      const refused = raw(from).write(multipart(1_000_000));
      assert.equal(await refused.status(), 429);
      assert.equal((await refused.json())['field'], 'body');
      assert.match(refused.received, /retry-after: 2/iu);
    }
    assert.equal(server.refused().uploads, 2);
    // Nor are they read afterwards: the sender is stopped, and its connection closed.
    const long = raw().write(multipart(10_000_000));
    let taken = false;
    long.socket.write(Buffer.alloc(9_900_000), (error) => (taken = error === null || error === undefined));
    assert.equal(await long.status(), 429);
    await until('the connection to be closed', () => long.closed);
    assert.ok(!taken, 'not all of it was taken');
    assert.ok(reading.every(isRead));
    // A place is free again when its connection is gone.
    reading[0]!.end();
    await until('a free place', async () => {
      const next = raw().write(multipart(1_000_000, 'Expect: 100-continue'));
      await until('an answer', () => next.received !== '');
      return isRead(next);
    });
  });

  it('keep their place until their picture is done with, also when their sender has gone', async (t) => {
    let finish = (): void => undefined;
    const gate = new Promise<void>((resolve) => (finish = resolve));
    let begun = 0;
    class Judging extends FakeWorld {
      override ports(): ReturnType<FakeWorld['ports']> {
        const submit = async (): Promise<never> => {
          begun += 1;
          return gate.then(() => Promise.reject(new HttpError('IMAGE_REFUSED', 'no')));
        };
        return { ...super.ports(), assessments: { submit, get: async () => null } };
      }
    }
    const { raw } = await serve(t, { limits: { maxUploads: 1 } }, new Judging());
    const body = '{"image_url":"https://pictures.example/x.jpg"}';
    const order = (): RawConnection =>
      raw().write(
        head(
          'POST /api/assessments HTTP/1.1',
          'Host: localhost',
          'Content-Type: application/json',
          `Content-Length: ${body.length}`,
        ) + body,
      );
    const first = order();
    await until('the place to be taken', () => begun === 1);
    assert.equal(await order().status(), 429);
    assert.equal(first.received, '');
    first.end();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(await order().status(), 429);
    finish();
    await until('a free place', async () => (await order().status()) === 422);
  });

  it('hold a bounded number of bytes together', async (t) => {
    const { raw } = await serve(t, { limits: { uploadBytes: 10_000_000 } });
    await placed(raw(), 9_000_000);
    assert.equal(await raw().write(multipart(2_000_000)).status(), 429);
    assert.equal(await raw().write(multipart(11_000_000)).status(), 413);
    const unknown = raw().write(
      multipart(0).replace('Content-Length: 0', 'Transfer-Encoding: chunked').replace('--X', '3\r\n--X'),
    );
    assert.equal(await unknown.status(), 429, 'one of unknown length counts as the longest');
  });

  it('and other bodies that stall are cut in seconds, and those that go on are not', async (t) => {
    const { raw, server } = await serve(t, { limits: QUICK });
    const stalled = raw().write(multipart(1_000_000)).write('x'.repeat(10_000));
    const small = raw().write(
      'POST /api/cameras HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    );
    const steady = raw().write(multipart(3_000_000));
    const sending = setInterval(() => steady.write('x'.repeat(100_000)), 100);
    t.after(() => clearInterval(sending));
    for (const connection of [stalled, small]) {
      assert.equal(await connection.status(), 408);
      assert.equal((await connection.json())['code'], 'REQUEST_TIMEOUT');
      await until('the connection to be closed', () => connection.closed);
    }
    assert.equal(server.refused().slow, 2);
    await until(
      'the steady one to be further than a stalled one can come',
      () => steady.socket.bytesWritten > 1_500_000,
    );
    assert.equal(steady.received, '');
  });

  it('without a token are refused before the body is asked for', async (t) => {
    const { raw } = await serve(t, { token: 'tok-123456' });
    const waiting = raw().write(
      multipart(1_000_000)
        .replace('\r\n\r\n', '\r\nExpect: 100-continue\r\n\r\n')
        .replace(/\r\n\r\n[^]*/u, '\r\n\r\n'),
    );
    assert.equal(await waiting.status(), 401);
    assert.ok(!waiting.received.includes('100 Continue'));
    const allowed = raw().write(
      head(
        'POST /api/cameras HTTP/1.1',
        'Host: localhost',
        'Authorization: Bearer tok-123456',
        'Content-Type: application/json',
        'Content-Length: 2',
        'Expect: 100-continue',
      ),
    );
    await until('the body to be asked for', () => allowed.received.includes('100 Continue'));
    allowed.write('{}');
    await until('the answer', () => allowed.received.includes('MISSING_FIELD'));
  });
});

describe('WebSockets of strangers', () => {
  it('that ping without reading are dropped', async (t) => {
    // No heartbeat: it would drop them as well.
    const { raw, server } = await serve(t, { limits: { softBytes: 64 * 1024, heartbeatMs: 600_000 } });
    const connection = raw().write(upgrade('/ws'));
    assert.equal(await connection.status(), 101);
    connection.socket.pause();
    const ping = Buffer.concat([Buffer.from([0x89, 0xfd, 0, 0, 0, 0]), Buffer.alloc(125)]);
    const flood = Buffer.concat(Array.from({ length: 500 }, () => ping));
    const sending = setInterval(() => connection.socket.writableLength < 10_000_000 && connection.write(flood), 1);
    t.after(() => clearInterval(sending));
    await until('the viewer to be gone', () => server.figures().viewers === 0);
  });

  it('that send rubbish without end are read no further once they are closed', async (t) => {
    const { base, server } = await serve(t);
    const socket = new WebSocket(`${base.replace('http', 'ws')}/ws`);
    t.after(() => socket.terminate());
    let errors = 0;
    socket.on('message', (data: Buffer) => (errors += data.toString().includes('"error"') ? 1 : 0));
    await until('the opening', () => socket.readyState === WebSocket.OPEN);
    for (let count = 0; count < 1_000; count += 1) socket.send('rubbish');
    await until('the close', () => socket.readyState === WebSocket.CLOSED);
    assert.equal(errors, 10);
    await until('the viewer to be gone', () => server.figures().viewers === 0);
  });

  it('that send a message in many small frames are closed', async (t) => {
    const { raw, server } = await serve(t);
    const connection = raw().write(upgrade('/ws'));
    assert.equal(await connection.status(), 101);
    connection.write(Buffer.from([0x01, 0x80, 0, 0, 0, 0]));
    connection.write(Buffer.concat(Array.from({ length: 1_000 }, () => Buffer.from([0x00, 0x80, 0, 0, 0, 0]))));
    await until('the viewer to be gone', () => server.figures().viewers === 0);
  });
});
