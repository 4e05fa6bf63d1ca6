import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { createFetch } from '../../src/llm/http-fetch.ts';

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

const serving = async (listener: RequestListener): Promise<string> => `http://127.0.0.1:${await listening(createServer(listener))}/`;
const textOf = async (request: IncomingMessage): Promise<string> => Buffer.concat(await request.toArray()).toString('utf8');
const post = (body: string | Uint8Array, more: RequestInit = {}): RequestInit => ({ method: 'POST', body, ...more });

describe('the fetch of calls to a provider', () => {
  it('sends headers and body as they are, in UTF-8, and brings status, headers and body', async () => {
    const url = await serving((request, response) => {
      const { 'content-length': length, traceparent: trace } = request.headers;
      void textOf(request).then((got) => response.writeHead(429, { 'retry-after': '3', 'x-twice': ['a', 'b'] }).end(JSON.stringify({ got, length, trace })));
    });
    const fetch = createFetch(() => undefined);
    const response = await fetch(url, post('危险 ü', { headers: { traceparent: 't1' } }));
    assert.deepEqual([response.status, response.ok, response.headers.get('retry-after'), response.headers.get('x-twice')], [429, false, '3', 'a, b']);
    assert.deepEqual(await response.json(), { got: '危险 ü', length: '9', trace: 't1' });
    assert.deepEqual(await (await fetch(url, post(Buffer.from('bytes')))).json(), { got: 'bytes', length: '5' });
  });

  it('keeps connections and uses them again', async () => {
    const ports = new Set<number | undefined>();
    const url = await serving((request, response) => {
      ports.add(request.socket.remotePort);
      request.resume();
      response.end('{}');
    });
    const fetch = createFetch(() => undefined);
    for (let each = 0; each < 4; each += 1) await (await fetch(url, post('x'))).text();
    assert.equal(ports.size, 1);
  });

  it('tells when the request leaves: not before there is a connection, and not when there never is one', async () => {
    const url = await serving((request, response) => {
      request.resume();
      response.end('{}');
    });
    let sent = 0;
    const watched = createFetch(() => ({ onSent: () => (sent += 1), signal: new AbortController().signal }));
    const first = watched(url, post('x'));
    assert.equal(sent, 0, 'the connection is being opened');
    await first;
    assert.equal(sent, 1);
    await watched(url, post('x'));
    assert.equal(sent, 2, 'over the kept connection');
    await assert.rejects(watched('http://127.0.0.1:1/', post('x')), { code: 'ECONNREFUSED' });
    assert.equal(sent, 2);
  });

  it('is given up by either signal, also while the body comes', async () => {
    const gone: Promise<void>[] = [];
    const url = await serving((request, response) => {
      gone.push(new Promise((resolve) => void response.once('close', () => resolve())));
      request.resume();
      response.writeHead(200, { 'content-length': '100' }).write('half');
    });
    const controller = new AbortController();
    const byCaller = createFetch(() => undefined)(url, post('x', { signal: controller.signal }));
    const watch = new AbortController();
    const byWatch = createFetch(() => ({ onSent: () => undefined, signal: watch.signal }))(url, post('x'));
    setTimeout(() => [controller, watch].forEach((each) => each.abort()), 50);
    await Promise.all([assert.rejects(byCaller, { name: 'AbortError' }), assert.rejects(byWatch, { name: 'AbortError' })]);
    await Promise.all(gone);
    await assert.rejects(createFetch(() => undefined)(url, post('x', { signal: AbortSignal.abort() })), { name: 'AbortError' });
  });

  it('takes no answer that is too large, or that breaks off', async () => {
    const large = await serving((_, response) => void response.end(Buffer.alloc(1_000_001)));
    const broken = await serving((_, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setTimeout(() => response.destroy(), 20);
    });
    const fetch = createFetch(() => undefined);
    await assert.rejects(fetch(large, post('x')), { message: 'the answer is larger than 1000000 bytes' });
    await assert.rejects(fetch(broken, post('x')));
  });

  it('follows no redirect: the key does not go elsewhere', async () => {
    let asked = 0;
    const elsewhere = await serving((_, response) => {
      asked += 1;
      response.end();
    });
    const url = await serving((_, response) => void response.writeHead(307, { location: elsewhere }).end());
    assert.equal((await createFetch(() => undefined)(url, post('x', { headers: { authorization: 'Bearer k' } }))).status, 307);
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
      const fetch = createFetch(() => undefined);
      assert.deepEqual(await (await fetch('http://provider.example/v1/chat', post('x'))).json(), { by: 'proxy' });
    } finally {
      delete process.env['HTTP_PROXY'];
      delete process.env['NODE_USE_ENV_PROXY'];
    }
    assert.deepEqual(asked, ['http://provider.example/v1/chat']);
  });

  it('over TLS: checks who answers, and tells that it left when the handshake is over', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'gantry-tls-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    try {
      const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']);
      if (made.status !== 0) {
        context.skip('needs the program openssl, to make a certificate');
        return;
      }
      const port = await listening(createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
        request.resume();
        response.end('{"over":"tls"}');
      }));
      let sent = 0;
      const watched = createFetch(() => ({ onSent: () => (sent += 1), signal: new AbortController().signal }));
      await assert.rejects(watched(`https://localhost:${port}/`, post('x')), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
      assert.equal(sent, 0);
      setDefaultCACertificates([...getCACertificates('default'), readFileSync(cert, 'utf8')]);
      assert.deepEqual(await (await watched(`https://localhost:${port}/`, post('x'))).json(), { over: 'tls' });
      assert.equal(sent, 1);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
