import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { CallDispatcher, createTransport, LARGEST_ANSWER_BYTES, type Transport } from '../../src/llm/transport.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const FAST_BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

const servers: Server[] = [];
after(() => {
  for (const server of servers) {
    server.close();
    server.closeAllConnections();
  }
});

async function listening(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const serving = async (listener: RequestListener): Promise<string> =>
  `http://127.0.0.1:${await listening(createServer(listener))}/`;
const textOf = async (request: IncomingMessage): Promise<string> =>
  Buffer.concat(await request.toArray()).toString('utf8');

interface Outgoing {
  readonly headers: Record<string, string>;
  readonly body: string;
  readonly onSent: () => void;
  readonly signal: AbortSignal;
}
interface Incoming {
  readonly status: number;
  readonly headers: Headers;
  /** Of an error, what the call's dispatcher kept. */
  readonly body: string;
}

/** As the library sends: its `fetch`, with the call's dispatcher among the options. */
async function post(transport: Transport, url: string, more: Partial<Outgoing> = {}): Promise<Incoming> {
  const { headers = {}, body = 'x', onSent = () => undefined, signal = new AbortController().signal } = more;
  const dispatcher = new CallDispatcher(transport.pool, onSent, LARGEST_ANSWER_BYTES);
  const init = { method: 'POST', headers, body, signal, dispatcher };
  const response = await transport.fetch(url, init as unknown as RequestInit);
  return { status: response.status, headers: response.headers, body: dispatcher.errorBody ?? (await response.text()) };
}
const jsonOf = ({ body }: Incoming): unknown => JSON.parse(body);
/** What lies at the bottom of a failed fetch. */
const cause = async (failing: Promise<unknown>): Promise<{ name: string; code?: unknown; message: string }> => {
  const thrown: any = await failing.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );
  let root = thrown;
  while (root.cause instanceof Error) root = root.cause;
  return root;
};

describe('the way to a provider', () => {
  it('sends headers and body as they are, and brings status, headers and body', async () => {
    const url = await serving((request, response) => {
      const { 'content-length': length, traceparent: trace } = request.headers;
      void textOf(request).then((got) =>
        response
          .writeHead(429, { 'Retry-After': '3', 'x-twice': ['a', 'b'] })
          .end(JSON.stringify({ got, length, trace })),
      );
    });
    const answer = await post(createTransport(), url, { headers: { traceparent: 't1' }, body: '危险 ü' });
    assert.deepEqual(
      { status: answer.status, retryAfter: answer.headers.get('retry-after'), xTwice: answer.headers.get('x-twice') },
      { status: 429, retryAfter: '3', xTwice: 'a, b' },
    );
    assert.deepEqual(jsonOf(answer), { got: '危险 ü', length: '9', trace: 't1' });
  });

  it('puts an answer that comes in pieces together', async () => {
    const url = await serving((request, response) => {
      request.resume();
      response.write('{"half":');
      setTimeout(() => response.end('true}'), 20);
    });
    assert.deepEqual(jsonOf(await post(createTransport(), url)), { half: true });
  });

  it('keeps connections and uses them again', async () => {
    const ports = new Set<number | undefined>();
    const url = await serving((request, response) => {
      ports.add(request.socket.remotePort);
      request.resume();
      response.end('{}');
    });
    const transport = createTransport();
    for (let each = 0; each < 6; each += 1) await post(transport, url);
    assert.ok(
      ports.size <= 2,
      `${ports.size} connections: one is not used again within the turn of the event loop that its answer came in`,
    );
  });

  it('opens another connection for what is under way at once', async () => {
    let open = 0;
    const both = Promise.withResolvers<void>();
    const url = await serving((request, response) => {
      request.resume();
      open += 1;
      if (open === 2) both.resolve();
      void both.promise.then(() => response.end('{}'));
    });
    const transport = createTransport();
    await Promise.all([post(transport, url), post(transport, url)]);
    assert.equal(open, 2);
  });

  it('tells when the request leaves: not before there is a connection, and not when there never is one', async () => {
    const url = await serving((request, response) => {
      request.resume();
      response.end('{}');
    });
    let sent = 0;
    const onSent = (): number => (sent += 1);
    const transport = createTransport();
    const first = post(transport, url, { onSent });
    assert.equal(sent, 0, 'the connection is being opened');
    await first;
    assert.equal(sent, 1);
    await post(transport, url, { onSent });
    assert.equal(sent, 2, 'over the kept connection');
    const closed = createServer();
    const port = await listening(closed);
    await new Promise((resolve) => closed.close(resolve));
    assert.equal((await cause(post(transport, `http://127.0.0.1:${port}/`, { onSent }))).code, 'ECONNREFUSED');
    assert.equal(sent, 2);
  });

  it('is given up by its signal, also while the body comes', async () => {
    const gone = Promise.withResolvers<void>();
    const controller = new AbortController();
    const url = await serving((request, response) => {
      response.once('close', () => gone.resolve());
      request.resume();
      response.writeHead(200, { 'content-length': '100' }).write('half', () => controller.abort());
    });
    await assert.rejects(post(createTransport(), url, { signal: controller.signal }), { name: 'AbortError' });
    await gone.promise;
    await assert.rejects(post(createTransport(), url, { signal: AbortSignal.abort() }), { name: 'AbortError' });
  });

  it('given up while its connection is opened, it is not sent', async () => {
    let asked = 0;
    const url = await serving((_, response) => {
      asked += 1;
      response.end('{}');
    });
    const controller = new AbortController();
    let sent = 0;
    const transport = createTransport();
    const given = post(transport, url, { signal: controller.signal, onSent: () => (sent += 1) });
    controller.abort();
    await assert.rejects(given, { name: 'AbortError' });
    await post(transport, url);
    assert.deepEqual({ asked, sent }, { asked: 1, sent: 0 });
  });

  it('given up while it is being written, it counts as sent: its beginning has arrived', async () => {
    const arrived = Promise.withResolvers<void>();
    const url = await serving(() => arrived.resolve());
    const controller = new AbortController();
    const written: number[] = [];
    const dispatcher = new CallDispatcher(
      createTransport().pool,
      (writeMs) => void written.push(writeMs),
      LARGEST_ANSWER_BYTES,
    );
    // More than the buffers of both ends hold.
    const body = 'x'.repeat(24_000_000);
    const { fetch } = createTransport();
    const init = { method: 'POST', body, signal: controller.signal, dispatcher };
    const given = fetch(url, init as unknown as RequestInit);
    await arrived.promise;
    assert.deepEqual(written, [], 'the rest waits');
    controller.abort();
    await assert.rejects(given, { name: 'AbortError' });
    dispatcher.ended();
    dispatcher.ended();
    assert.equal(written.length, 1);
    assert.ok((written[0] ?? -1) >= 0);
  });

  it('takes no answer that is too large, or that breaks off', async () => {
    const large = await serving((_, response) => void response.end(Buffer.alloc(1_000_001)));
    const broken = await serving((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setTimeout(() => response.destroy(), 20);
    });
    const transport = createTransport();
    assert.equal((await cause(post(transport, large))).message, 'the answer is larger than 1000000 bytes');
    await assert.rejects(post(transport, broken));
  });

  for (const [charset, type, body] of [
    ['UTF-16 with its mark', 'application/json', Buffer.from('\uFEFF{"a":"高"}', 'utf16le')],
    ['UTF-16 by the header', 'application/json; charset=UTF-16LE', Buffer.from('{"a":"高"}', 'utf16le')],
    ['GBK by the header', 'application/json;charset="gbk"', Buffer.from('7b2261223a22b8df227d', 'hex')],
    ['UTF-8 where nobody knows the charset', 'application/json; charset=x-none', Buffer.from('{"a":"高"}')],
  ] as const) {
    it(`reads ${charset}, an error's body too`, async () => {
      for (const status of [200, 400]) {
        const url = await serving((request, response) => {
          request.resume();
          response.writeHead(status, { 'content-type': type }).end(body);
        });
        assert.deepEqual(jsonOf(await post(createTransport(), url)), { a: '高' });
      }
    });
  }

  for (const [encoding, pack] of [
    ['gzip', gzipSync],
    ['br', (text: string | Buffer) => brotliCompressSync(text, FAST_BROTLI)],
  ] as const) {
    it(`unpacks ${encoding}, an error's body too, and no more than allowed`, async () => {
      const serve = (status: number, text: string | Buffer): Promise<string> =>
        serving((request, response) => {
          request.resume();
          response.writeHead(status, { 'content-encoding': encoding }).end(pack(text));
        });
      const transport = createTransport();
      assert.deepEqual(jsonOf(await post(transport, await serve(200, '{"a":1}'))), { a: 1 });
      assert.deepEqual(jsonOf(await post(transport, await serve(400, '{"error":2}'))), { error: 2 });
      const bomb = Buffer.alloc(40_000_000);
      const before = process.memoryUsage().arrayBuffers;
      assert.equal(
        (await cause(post(transport, await serve(200, bomb)))).message,
        'the answer is larger than 1000000 bytes',
      );
      const refused = await post(transport, await serve(500, bomb));
      assert.deepEqual(
        { status: refused.status, bytes: refused.body.length },
        { status: 500, bytes: LARGEST_ANSWER_BYTES },
      );
      assert.ok(process.memoryUsage().arrayBuffers - before < 30_000_000, 'it was unpacked whole');
    });
  }

  it('follows no redirect: the key does not go elsewhere', async () => {
    let asked = 0;
    const elsewhere = await serving((_, response) => {
      asked += 1;
      response.end();
    });
    const url = await serving((_, response) => void response.writeHead(307, { location: elsewhere }).end());
    assert.equal((await post(createTransport(), url, { headers: { authorization: 'Bearer k' } })).status, 307);
    assert.equal(asked, 0);
  });

  it('goes through a proxy when the environment says so', async () => {
    const asked: (string | undefined)[] = [];
    const proxy = await serving((request, response) => {
      asked.push(request.url);
      request.resume();
      response.end('{"by":"proxy"}');
    });
    process.env['HTTP_PROXY'] = proxy;
    process.env['NODE_USE_ENV_PROXY'] = '1';
    try {
      assert.deepEqual(jsonOf(await post(createTransport(), 'http://provider.example/v1/chat')), { by: 'proxy' });
    } finally {
      delete process.env['HTTP_PROXY'];
      delete process.env['NODE_USE_ENV_PROXY'];
    }
    assert.deepEqual(asked, ['http://provider.example/v1/chat']);
  });

  it('over TLS: checks who answers, and tells that it left when the handshake is over', async (context) => {
    const folder = temporaryFolder();
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const known = getCACertificates('default');
    try {
      const made = spawnSync('openssl', [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-keyout',
        key,
        '-out',
        cert,
        '-days',
        '2',
        '-subj',
        '/CN=localhost',
        '-addext',
        'subjectAltName=DNS:localhost',
      ]);
      if (made.status !== 0) {
        context.skip('needs the program openssl, to make a certificate');
        return;
      }
      const port = await listening(
        createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
          request.resume();
          response.end('{"over":"tls"}');
        }),
      );
      const url = `https://localhost:${port}/`;
      let sent = 0;
      const onSent = (): number => (sent += 1);
      assert.equal((await cause(post(createTransport(), url, { onSent }))).code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
      assert.equal(sent, 0);
      setDefaultCACertificates([...known, readFileSync(cert, 'utf8')]);
      assert.deepEqual(jsonOf(await post(createTransport(), url, { onSent })), { over: 'tls' });
      assert.equal(sent, 1);
    } finally {
      setDefaultCACertificates(known);
    }
  });
});
