import assert from 'node:assert/strict';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { Secret } from '../../src/keys/secret.ts';
import { createVlmClient, type VlmAccess, type VlmReply, type VlmRequest } from '../../src/llm/client.ts';
import { buildPrompt } from '../../src/llm/prompt.ts';
import { startProviderSimulator } from '../../src/simulator/provider-server.ts';
import type { Behaviour, ProviderSimulator } from '../../src/simulator/simulator.types.ts';
import { plainTask } from '../support/assessment-task.ts';
import { makeJpeg } from '../support/jpeg.ts';

const KEY = 'sk-integration-secret-12345';
const client = createVlmClient();
const task = plainTask();
let jpeg: Buffer;
let sim: ProviderSimulator;

const access = (more: Partial<VlmAccess> = {}): VlmAccess => ({
  keyName: 'k1',
  secret,
  baseUrl: sim.url,
  model: 'sim-vl',
  responseFormat: 'json_schema',
  ...more,
});
const secret = new Secret(KEY);
const call = (more: Partial<VlmRequest> = {}): Promise<VlmReply> =>
  client.call({
    access: access(),
    prompt: buildPrompt(task, 'en'),
    pictures: [{ jpeg, caption: '' }],
    traceId: task.traceId,
    timeoutMs: 10_000,
    ...more,
  });

function failure(reply: VlmReply): Extract<VlmReply, { ok: false }>['failure'] {
  assert.ok(!reply.ok, 'the call succeeded');
  assert.ok(!JSON.stringify(reply).includes(KEY), 'the key is in the reply');
  return reply.failure;
}

before(async () => {
  jpeg = await makeJpeg();
  sim = await startProviderSimulator({
    keys: [
      { name: 'k1', key: KEY, qps: 1000, rpm: 10_000 },
      { name: 'tight', key: 'tight-key', qps: 1, rpm: 1 },
    ],
  });
});
after(() => sim.close());
afterEach(() => {
  sim.clearBehaviours();
  sim.restore('k1');
});

describe('a call to the model', () => {
  it('brings an answer, the model and the tokens, under the trace of the frame', async () => {
    const reply = await call();
    assert.ok(reply.ok, JSON.stringify(reply));
    assert.ok(['none', 'low', 'medium', 'high'].includes(reply.answer.riskLevel));
    assert.equal(reply.model, 'sim-vl');
    assert.ok(reply.promptTokens > 100 && reply.completionTokens > 10);
    assert.equal(sim.calls().at(-1)?.traceId, task.traceId);
  });

  it('answers in Chinese when asked in Chinese', async () => {
    const reply = await call({ prompt: buildPrompt(task, 'zh') });
    assert.ok(reply.ok);
    assert.match(reply.answer.description, /[\u4e00-\u9fff]/);
  });

  for (const kind of ['prose', 'fenced', 'wrapper'] as const) {
    it(`reads an answer that comes as ${kind} the same as a plain one`, async () => {
      const plain = await call();
      sim.setBehaviour({ kind });
      const bent = await call();
      assert.ok(plain.ok && bent.ok);
      assert.equal(bent.answer.riskLevel, plain.answer.riskLevel);
    });
  }

  it('takes no level from a word that is none', async () => {
    sim.setBehaviour({ kind: 'odd-level' });
    const unread = failure(await call());
    assert.deepEqual(
      { kind: unread.kind, reason: 'reason' in unread ? unread.reason : null },
      { kind: 'unreadable', reason: 'bad-level' },
    );
  });

  for (const [behaviour, kind, message] of [
    [{ kind: 'malformed' }, 'unreadable', /does not end/],
    [{ kind: 'empty' }, 'unreadable', /empty/],
    [{ kind: 'refusal' }, 'content-refused', /declined/],
    [{ kind: 'broken-json' }, 'unreadable', /not JSON/],
    [{ kind: 'drop' }, 'network', /./],
    [{ kind: 'status', status: 500 }, 'server-error', /Simulated/],
    [{ kind: 'status', status: 503 }, 'server-error', /Simulated/],
    [{ kind: 'status', status: 400 }, 'rejected-request', /Simulated/],
    [{ kind: 'status', status: 413 }, 'rejected-request', /Simulated/],
    [{ kind: 'status', status: 422 }, 'rejected-request', /Simulated/],
    [{ kind: 'status', status: 402 }, 'rejected-key', /Simulated/],
    [{ kind: 'status', status: 403 }, 'rejected-key', /Simulated/],
    [
      { kind: 'status', status: 401, message: `Incorrect API key provided: ${KEY}. Also sk-abc***xyz.` },
      'rejected-key',
      /provided: \*\*\*\. Also \*\*\*/,
    ],
  ] as const satisfies readonly (readonly [Behaviour, string, RegExp])[]) {
    it(`sorts ${JSON.stringify(behaviour).slice(0, 40)} as ${kind}`, async () => {
      sim.setBehaviour(behaviour);
      const found = failure(await call());
      assert.equal(found.kind, kind);
      assert.ok('message' in found);
      assert.match(found.message, message);
    });
  }

  it('sorts a revoked key as rejected-key', async () => {
    sim.revoke('k1');
    assert.deepEqual(failure(await call()).kind, 'rejected-key');
  });

  it('sorts a 429 as rate-limited with the time to wait', async () => {
    const tight = access({ keyName: 'tight', secret: new Secret('tight-key') });
    await call({ access: tight });
    const found = failure(await call({ access: tight }));
    assert.equal(found.kind, 'rate-limited');
    assert.ok(
      found.kind === 'rate-limited' &&
        found.retryAfterMs !== null &&
        found.retryAfterMs > 20_000 &&
        found.retryAfterMs <= 60_001,
      JSON.stringify(found),
    );
  });

  for (const kind of ['hang', 'hang-body'] as const) {
    it(`ends a provider that does ${kind} at the time-out`, async () => {
      sim.setBehaviour({ kind });
      assert.equal(failure(await call({ timeoutMs: 150 })).kind, 'timeout');
    });

    it(`gives up ${kind} when told to, and blames nobody`, async () => {
      sim.setBehaviour({ kind });
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 60);
      assert.equal(failure(await call({ signal: controller.signal })).kind, 'abandoned');
    });
  }

  it('sends what a provider needs, with the query of its endpoint, and nothing about this machine', async (t) => {
    const seen: {
      readonly url: string | undefined;
      readonly headers: Record<string, unknown>;
      readonly model: unknown;
    }[] = [];
    const server = createHttpServer((request, response) => {
      let text = '';
      request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      request.on('end', () => {
        const { 'content-length': length, traceparent, ...headers } = request.headers;
        assert.equal(Number(length), Buffer.byteLength(text));
        for (const own of ['host', 'connection']) delete headers[own];
        assert.match(String(traceparent), new RegExp(`^00-${task.traceId}-[0-9a-f]{16}-00$`));
        seen.push({ url: request.url, headers, model: JSON.parse(text).model });
        response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices": []}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.after(() => {
      server.closeAllConnections();
      server.close();
    });
    const bound = server.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    const base = `http://127.0.0.1:${bound.port}`;
    assert.equal(failure(await call({ access: access({ keyName: 'a', baseUrl: `${base}/v1/` }) })).kind, 'unreadable');
    assert.equal(
      failure(await call({ access: access({ keyName: 'b', baseUrl: `${base}/deployed?api-version=7` }) })).kind,
      'unreadable',
    );
    const headers = {
      accept: 'application/json',
      'accept-encoding': 'gzip, deflate',
      'accept-language': '*',
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      'sec-fetch-mode': 'cors',
      'user-agent': 'Gantry',
    };
    assert.deepEqual(seen, [
      { url: '/v1/chat/completions', headers, model: 'sim-vl' },
      { url: '/deployed/chat/completions?api-version=7', headers, model: 'sim-vl' },
    ]);
  });

  it('sorts a closed port as network and says why', async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const bound = probe.address();
    assert.ok(typeof bound === 'object' && bound !== null);
    await new Promise((resolve) => probe.close(resolve));
    const found = failure(
      await call({ access: access({ keyName: 'gone', baseUrl: `http://127.0.0.1:${bound.port}/v1` }) }),
    );
    assert.deepEqual([found.kind, 'message' in found && /ECONNREFUSED/.test(found.message)], ['network', true]);
  });

  it('steps down to a format the provider takes, when the format is left to it', async () => {
    sim.setBehaviour({ kind: 'no-formats' });
    const auto = access({ responseFormat: 'auto', model: 'sim-vl' });
    const first = await call({ access: auto });
    assert.ok(!first.ok && first.failure.kind === 'stepped-down');
    const second = await call({ access: auto });
    assert.ok(!second.ok && second.failure.kind === 'stepped-down');
    assert.ok((await call({ access: auto })).ok);
    const fixed = await call({ access: access() });
    assert.ok(
      !fixed.ok && fixed.failure.kind === 'rejected-request',
      'a format named in the configuration is not given up',
    );
  });

  it('keeps its connections', async () => {
    const earlier = sim.connections();
    for (let i = 0; i < 20; i++) await call();
    assert.ok(sim.connections() - earlier <= 1, `${sim.connections() - earlier} new connections for 20 calls in a row`);
  });
});
